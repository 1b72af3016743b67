#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/container.h"
#include "runtime/cli/state_json.h"

namespace moat::cli {
namespace {

absl::StatusOr<int> Start(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(id));
  ASSIGN_OR_RETURN(const state::Record record, entry.Read());
  const state::Status status = StatusNow(record);
  if (status != state::Status::kCreated) {
    return absl::FailedPreconditionError(
        absl::StrCat("container ", id, " cannot be started: it is ", state::StatusName(status)));
  }
  ASSIGN_OR_RETURN(const Fd control, launch::ConnectControl(entry.directory()));
  RETURN_IF_ERROR(StartContainer(entry, control.get()));
  return 0;
}

}  // namespace

Action ConfigureStart(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("id", *id, "a created container")->required()->type_name("ID");
  app.footer("\nExample:\n  moat start web");
  return [id](const Context& context) { return Start(context, *id); };
}

}  // namespace moat::cli
