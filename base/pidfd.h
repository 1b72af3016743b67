// What a pidfd says about its process.
#ifndef MOAT_BASE_PIDFD_H_
#define MOAT_BASE_PIDFD_H_

#include <fcntl.h>
#include <sys/types.h>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat {

// The number that the process of `pidfd` has in the pid namespace of the procfs at /proc
// (proc_pid_fdinfo(5)). NotFound when it is gone, or not seen from there.
absl::StatusOr<pid_t> PidOf(int pidfd);

// PIDFD_THREAD of linux/pidfd.h, Linux 6.9: a thread, not its whole process.
inline constexpr unsigned kPidfdThread = O_EXCL;

// A pidfd of the thread `tid`, not of its group: it has a descriptor table of its own when it was
// cloned without CLONE_FILES. ESRCH; ENOSYS before Linux 6.9.
Result<Fd> OpenThreadPidfd(pid_t tid);
// Whether what the pidfd stands for has ended (or can't be asked).
bool HasEnded(const Fd& pidfd);

}  // namespace moat

#endif  // MOAT_BASE_PIDFD_H_
