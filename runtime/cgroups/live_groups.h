// The workload's groups of a container that another command made: from the paths in its state
// (Groups::paths), known again by the control files in them, so that v1, hybrid and v2 hosts need
// no mount table here. Not thread-safe.
#ifndef MOAT_RUNTIME_CGROUPS_LIVE_GROUPS_H_
#define MOAT_RUNTIME_CGROUPS_LIVE_GROUPS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::cgroups {

class LiveGroups {
 public:
  explicit LiveGroups(const std::vector<std::string>& paths);

  // No control groups were made, or all are gone.
  bool empty() const { return directories_.empty(); }
  // "<directory>/<file>" in the first group that has this control file; "" when none has.
  std::string Path(absl::string_view file) const;

  // The content of a control file; empty when no group has it or it can't be read.
  std::optional<std::string> Text(absl::string_view file) const;
  // A file with one number; "max" is the largest.
  std::optional<uint64_t> Number(absl::string_view file) const;
  // Lines of "key number", as in memory.stat. Other lines are left out.
  std::map<std::string, uint64_t> Numbers(absl::string_view file) const;

  // Whether Freeze was called and not Thaw: the processes use no CPU, and answer no signal but (in
  // v2) SIGKILL. A host without a freezer: never.
  bool IsFrozen() const;
  // Stops all processes and waits, at most 10 seconds, until they stand still. One that waits for
  // an answer of the sentry is never woken for it, so the kernel does not count it as frozen: it
  // stands still, and freezes when its answer comes, before it runs an instruction. When they
  // don't stop they are let run again. An error names a host without a freezer.
  absl::Status Freeze() const;
  absl::Status Thaw() const;

  // Sets what `resources` has, and leaves the rest as it is. The device rules are not looked at, as
  // by runc. After an error all is as it was.
  absl::Status Update(spec::Resources resources) const;

  // Processes that were killed because memory ran out; 0 when nobody counts.
  uint64_t OutOfMemoryKills() const;

 private:
  bool NothingRuns() const;
  // "<directory>/<file>" of sentry and gofer; "" when they have none.
  std::string SupervisorPath(absl::string_view file) const;

  std::vector<std::string> directories_;
  std::vector<std::string> supervisors_;  // their directories
};

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_LIVE_GROUPS_H_
