#include "runtime/cli/state_json.h"

#include "absl/strings/str_cat.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/spec/spec.h"

namespace moat::cli {

state::Status StatusNow(const state::Record& record) {
  const state::Status status = state::CurrentStatus(record);
  const bool alive = status == state::Status::kRunning || status == state::Status::kCreated;
  if (alive && cgroups::LiveGroups(record.cgroup_paths).IsFrozen()) return state::Status::kPaused;
  return status;
}

absl::Status NotRunning(const state::Record& record) {
  return absl::FailedPreconditionError(absl::StrCat("container not running: ", record.id, " is ",
                                                    state::StatusName(StatusNow(record))));
}

nlohmann::ordered_json StateJson(const state::Record& record) {
  const state::Status status = StatusNow(record);
  nlohmann::ordered_json json = {
      {"ociVersion", spec::kOciVersion},
      {"id", record.id},
      {"pid", status == state::Status::kStopped ? 0 : record.init.pid},
      {"status", std::string(state::StatusName(status))},
      {"bundle", record.bundle},
      {"rootfs", record.rootfs},
      {"created", absl::FormatTime(absl::RFC3339_full, record.created, absl::UTCTimeZone())},
      {"owner", record.owner},
  };
  nlohmann::ordered_json policy = {{"name", record.policy}};
  if (!record.loosened.empty()) policy["loosened"] = record.loosened;
  json["policy"] = policy;
  if (!record.annotations.empty()) json["annotations"] = record.annotations;
  return json;
}

}  // namespace moat::cli
