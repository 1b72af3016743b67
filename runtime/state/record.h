// What is kept of a container between commands: <root>/<id>/state.json.
#ifndef MOAT_RUNTIME_STATE_RECORD_H_
#define MOAT_RUNTIME_STATE_RECORD_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/state/process_ref.h"

namespace moat::state {

// runtime-spec 1.3, runtime.md, "State".
// kPaused is runc's: a running container whose processes the freezer has stopped.
enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
absl::string_view StatusName(Status status);

struct Record {
  std::string id;
  std::string bundle;  // absolute
  std::string rootfs;  // absolute; "" for a view of the host
  absl::Time created;
  std::string owner;  // user name, or number
  std::map<std::string, std::string> annotations;

  std::string policy;                 // its name
  std::vector<std::string> loosened;  // policies::Policy::Loosened
  bool audit_all = false;             // created with --audit

  // How far commands have brought it: creating, created or running. CurrentStatus knows the rest.
  Status reached = Status::kCreating;
  ProcessRef creator;  // the moat process that makes it, or that stays in the foreground with it
  ProcessRef init;
  ProcessRef sentry;
  ProcessRef gofer;
  std::vector<std::string> cgroup_paths;
  // Those that were about to be made: they may be there, empty, or be somebody else's.
  std::vector<std::string> planned_cgroup_paths;
  // Its pid namespace is another container's: its sentry has to end by itself, after init.
  bool shares_pids = false;
  // Ends, and leaves nothing, with `creator` (`do`, `run` in the foreground).
  bool ephemeral = false;
};

// What the container is now: stopped once init, or a creator that had not finished, is dead. Knows
// nothing of the freezer: cli::StatusNow does.
Status CurrentStatus(const Record& record);

std::string ToJson(const Record& record);
absl::StatusOr<Record> FromJson(absl::string_view json);

}  // namespace moat::state

#endif  // MOAT_RUNTIME_STATE_RECORD_H_
