// Joining the pid namespace of another container: what a launch needs of it, and the tie between
// the two supervisors. docs/adr/011-shared-pids.md says why it is safe.
#ifndef MOAT_RUNTIME_LAUNCH_SHARED_PIDS_H_
#define MOAT_RUNTIME_LAUNCH_SHARED_PIDS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::launch {

struct SharedPids {
  Fd supervisors;  // P_A, the pid namespace of the other container's sentry
  Fd proc_a;       // procfs of P_A, detached
  Fd proc_b;       // and of P_B, which is joined
};

// `pid_namespace` is the other container's P_B. With the caller's privileges, who must be
// single-threaded: a process is born in either namespace to mount its procfs.
absl::StatusOr<SharedPids> OpenSharedPids(int pid_namespace);

// Hands `socket` to the sentry whose control socket is in `state_dir`. From then on that container
// ends when the other end of `socket` closes without a message "done".
absl::Status TieTo(const std::string& state_dir, int socket);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_SHARED_PIDS_H_
