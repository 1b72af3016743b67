// Starting moat-sentry and moat-gofer (base/boot.h).
#ifndef MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_
#define MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/launch/process.h"
#include "runtime/namespaces/id_map.h"

namespace moat::launch {

// Called by moat once the child exists and before it runs: to move it into its control group.
using Placement = std::function<absl::Status(pid_t)>;

struct SentryProcess {
  Fd control;                                       // moat's end of descriptor 3
  Fd user_namespace, pid_namespace, net_namespace;  // A, P_A and its empty network
  Process process;
};

// In new user (with `ids`' outer maps), mount, net, ipc and uts namespaces, and in a new pid
// namespace, or in `pid_namespace` unless that is -1. Returns when the program runs.
absl::StatusOr<SentryProcess> StartSentry(int program, const namespaces::IdMaps& ids,
                                          int pid_namespace, bool die_with_parent,
                                          const Placement& place);

struct GoferProcess {
  Fd boot;  // moat's end of descriptor 3
  Process process;
};

// In the pid namespace `pid_namespace`, otherwise as the caller is.
absl::StatusOr<GoferProcess> StartGofer(int program, int pid_namespace, const Placement& place);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_
