// Starting moat-sentry, moat-gofer and moat-resolver (base/boot.h).
#ifndef MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_
#define MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "runtime/cgroups/entrance.h"
#include "runtime/launch/process.h"
#include "runtime/namespaces/id_map.h"

namespace moat::launch {

struct SentryProcess {
  Fd control;                                       // moat's end of descriptor 3
  Fd user_namespace, pid_namespace, net_namespace;  // A, P_A and its empty network
  Fd gate;                                          // for AwaitExecution
  Process process;
};

// In new user (with `ids`' outer maps), mount, net, ipc and uts namespaces, and in a new pid
// namespace, or in `pid_namespace` unless that is -1. The program may not run yet (AwaitExecution).
absl::StatusOr<SentryProcess> StartSentry(int program, const namespaces::IdMaps& ids,
                                          int pid_namespace, bool die_with_parent,
                                          const cgroups::Entrance& groups);

struct GoferProcess {
  Fd boot;  // moat's end of descriptor 3
  Fd gate;  // for AwaitExecution
  Process process;
};

// In the pid namespace `pid_namespace`, otherwise as the caller is.
absl::StatusOr<GoferProcess> StartGofer(int program, int pid_namespace,
                                        const cgroups::Entrance& groups);

// As StartGofer, but as a child of that namespace's pid 1, which reaps it; it runs. Returns moat's
// end of descriptor 3.
absl::StatusOr<Fd> StartResolver(int program, int pid_namespace, const cgroups::Entrance& groups);

// Waits until the program of `name`, whose gate this is, runs, or could not be executed: an error.
absl::Status AwaitExecution(const Fd& gate, absl::string_view name);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_SUPERVISORS_H_
