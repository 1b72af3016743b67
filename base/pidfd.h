// What a pidfd says about its process.
#ifndef MOAT_BASE_PIDFD_H_
#define MOAT_BASE_PIDFD_H_

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace moat {

// The number that the process of `pidfd` has in the pid namespace of the procfs at /proc
// (proc_pid_fdinfo(5)). NotFound when it is gone, or not seen from there.
absl::StatusOr<pid_t> PidOf(int pidfd);

}  // namespace moat

#endif  // MOAT_BASE_PIDFD_H_
