#include "runtime/cli/state_json.h"

#include "runtime/spec/spec.h"

namespace moat::cli {

nlohmann::ordered_json StateJson(const state::Record& record) {
  const state::Status status = state::CurrentStatus(record);
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
  if (!record.annotations.empty()) json["annotations"] = record.annotations;
  return json;
}

}  // namespace moat::cli
