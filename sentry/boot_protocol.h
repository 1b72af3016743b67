// The sentry's reading of the boot messages (base/boot.h), validated.
#ifndef MOAT_SENTRY_BOOT_PROTOCOL_H_
#define MOAT_SENTRY_BOOT_PROTOCOL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/boot_message.h"
#include "base/fd.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

struct BootConfig {
  std::string id;
  uint64_t cookie = 0;
  TreeConfig tree;  // values only; descriptors are filled in by the caller
  bool audit_all = false;
  int filters = 0;  // of each task, when they let what merely asks pass; otherwise 0
  Fd gofer, resolver, init, loader, log, trace, audit, policy, listen;
  Fd cgroup_memory, cgroup_cpu, cgroup_cpu_limit, cgroup_cpuset, cgroup_pids;
  Fd tie, proc_a;  // both or none: the pid namespace is another container's
};

absl::StatusOr<BootConfig> ParseBoot(BootMessage& message);

// A process that is to join the container.
struct JoinRequest {
  Fd listener, process;
  uint64_t cookie = 0;  // the one that its filter lets pass
  // Its working directory, and then the names under which its program may be found.
  std::vector<std::string> strings;
};

absl::StatusOr<JoinRequest> ParseJoin(BootMessage& message);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_BOOT_PROTOCOL_H_
