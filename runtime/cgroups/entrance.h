// The way of new processes into a container's groups.
//
// A process's number in cgroup.procs makes the kernel stop all forks and exits, for which it first
// waits for a grace period of RCU (cgroup_threadgroup_rwsem): 14 ms, half of what a container takes
// to be made. There are two ways without: a thread that moves itself alone (0 in the file "tasks"
// of cgroup v1, cgroup_procs_write_start of kernel/cgroup), and a child that is born in its group
// (CLONE_INTO_CGROUP of clone3(2), cgroup v2). Everything that such a process forks follows.
#ifndef MOAT_RUNTIME_CGROUPS_ENTRANCE_H_
#define MOAT_RUNTIME_CGROUPS_ENTRANCE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::cgroups {

class Entrance {
 public:
  Entrance() = default;  // into nothing
  // Opens what is needed while it may be: one group for each hierarchy.
  static absl::StatusOr<Entrance> Open(const std::vector<std::string>& groups);

  // The group of v2 for CLONE_INTO_CGROUP; -1: there is none.
  int birthplace() const { return unified_.get(); }
  // For a child that the kernel did not let be born there.
  absl::Status Place(pid_t pid) const;
  // Moves the calling process, which must have one thread, into the groups of v1. 0 or an errno.
  int Enter() const;

 private:
  std::vector<Fd> tasks_;
  Fd unified_;
};

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_ENTRANCE_H_
