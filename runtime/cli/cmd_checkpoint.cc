// checkpoint and restore: runc has them, moat can't.
#include <memory>

#include "absl/strings/str_cat.h"
#include "runtime/cli/command.h"

namespace moat::cli {
namespace {

Action Refuse(CLI::App& app, const char* command) {
  app.allow_extras();  // whatever flags runc's have
  return [command](const Context&) -> absl::StatusOr<int> {
    return absl::UnimplementedError(
        absl::StrCat(command,
                     " is not supported: the state that sentry and gofer keep for a "
                     "container's processes cannot be saved by CRIU"));
  };
}

}  // namespace

Action ConfigureCheckpoint(CLI::App& app) { return Refuse(app, "checkpoint"); }
Action ConfigureRestore(CLI::App& app) { return Refuse(app, "restore"); }

}  // namespace moat::cli
