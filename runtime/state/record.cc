#include "runtime/state/record.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace moat::state {
namespace {

using Json = nlohmann::ordered_json;

Json ToJsonValue(const ProcessRef& process) {
  return {{"pid", process.pid}, {"startTime", process.start_time}};
}

ProcessRef ProcessFrom(const Json& value) {
  return {value.at("pid").get<pid_t>(), value.at("startTime").get<uint64_t>()};
}

// Throws nlohmann's exceptions, as at() and get() do.
Status StatusFrom(const std::string& name) {
  for (Status status : {Status::kCreating, Status::kCreated, Status::kRunning}) {
    if (name == StatusName(status)) return status;
  }
  return Status::kStopped;
}

Record RecordFrom(const Json& value) {
  Record record;
  record.id = value.at("id").get<std::string>();
  record.bundle = value.at("bundle").get<std::string>();
  record.rootfs = value.at("rootfs").get<std::string>();
  record.created = absl::FromUnixNanos(value.at("createdNanoseconds").get<int64_t>());
  record.owner = value.at("owner").get<std::string>();
  record.annotations = value.at("annotations").get<std::map<std::string, std::string>>();
  record.policy = value.at("policy").get<std::string>();
  record.loosened = value.at("loosened").get<std::vector<std::string>>();
  record.audit_all = value.at("auditAll").get<bool>();
  record.reached = StatusFrom(value.at("reached").get<std::string>());
  record.creator = ProcessFrom(value.at("creator"));
  record.init = ProcessFrom(value.at("init"));
  record.sentry = ProcessFrom(value.at("sentry"));
  record.gofer = ProcessFrom(value.at("gofer"));
  record.cgroup_paths = value.at("cgroupPaths").get<std::vector<std::string>>();
  record.planned_cgroup_paths = value.at("plannedCgroupPaths").get<std::vector<std::string>>();
  record.shares_pids = value.at("sharesPids").get<bool>();
  record.ephemeral = value.at("ephemeral").get<bool>();
  return record;
}

}  // namespace

absl::string_view StatusName(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "stopped";
}

Status CurrentStatus(const Record& record) {
  const bool alive = IsAlive(record.reached == Status::kCreating ? record.creator : record.init);
  return alive ? record.reached : Status::kStopped;
}

std::string ToJson(const Record& record) {
  const Json value = {
      {"id", record.id},
      {"bundle", record.bundle},
      {"rootfs", record.rootfs},
      {"createdNanoseconds", absl::ToUnixNanos(record.created)},
      {"owner", record.owner},
      {"annotations", record.annotations},
      {"policy", record.policy},
      {"loosened", record.loosened},
      {"auditAll", record.audit_all},
      {"reached", std::string(StatusName(record.reached))},
      {"creator", ToJsonValue(record.creator)},
      {"init", ToJsonValue(record.init)},
      {"sentry", ToJsonValue(record.sentry)},
      {"gofer", ToJsonValue(record.gofer)},
      {"cgroupPaths", record.cgroup_paths},
      {"plannedCgroupPaths", record.planned_cgroup_paths},
      {"sharesPids", record.shares_pids},
      {"ephemeral", record.ephemeral},
  };
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Record> FromJson(absl::string_view json) {
  try {
    return RecordFrom(Json::parse(json.begin(), json.end()));
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(absl::StrCat("is not what moat wrote: ", error.what()));
  }
}

}  // namespace moat::state
