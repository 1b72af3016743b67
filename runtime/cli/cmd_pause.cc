// pause and resume.
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/cli/command.h"
#include "runtime/cli/state_json.h"

namespace moat::cli {
namespace {

absl::StatusOr<int> Pause(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(id));
  ASSIGN_OR_RETURN(const state::Record record, entry.Read());
  const state::Status status = StatusNow(record);
  if (status != state::Status::kRunning && status != state::Status::kCreated) {
    return NotRunning(record);
  }
  RETURN_IF_ERROR(cgroups::LiveGroups(record.cgroup_paths).Freeze());
  return 0;
}

absl::StatusOr<int> Resume(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(id));
  ASSIGN_OR_RETURN(const state::Record record, entry.Read());
  const state::Status status = StatusNow(record);
  if (status != state::Status::kPaused) {
    return absl::FailedPreconditionError(
        absl::StrCat("container not paused: ", id, " is ", state::StatusName(status)));
  }
  RETURN_IF_ERROR(cgroups::LiveGroups(record.cgroup_paths).Thaw());
  return 0;
}

}  // namespace

Action ConfigurePause(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("id", *id, "a created or running container")->required()->type_name("ID");
  app.footer("\nExample:\n  moat pause web");
  return [id](const Context& context) { return Pause(context, *id); };
}

Action ConfigureResume(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("id", *id, "a paused container")->required()->type_name("ID");
  app.footer("\nExample:\n  moat resume web");
  return [id](const Context& context) { return Resume(context, *id); };
}

}  // namespace moat::cli
