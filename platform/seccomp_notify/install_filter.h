// Puts a compiled filter on the calling thread.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_INSTALL_FILTER_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_INSTALL_FILTER_H_

#include <linux/filter.h>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::platform::seccomp_notify {

// Installs `program` for the calling thread and all that it will create; returns the listener,
// close-on-exec. From the return on the thread's notified calls wait for an answer, so whatever
// hands the listener over (sendmsg) must be native in the program.
//
// Needs CAP_SYS_ADMIN in the caller's user namespace or PR_SET_NO_NEW_PRIVS (EACCES otherwise).
// EINVAL: the kernel refuses the program or lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19);
// there is no weaker fallback. EBUSY: the thread is under another listener already.
// Async-signal-safe: one system call, no allocation.
Result<Fd> InstallFilter(absl::Span<const sock_filter> program);

// Whether this kernel knows everything that InstallFilter and the platform ask of it: user
// notification and WAIT_KILLABLE_RECV. Changes nothing.
Result<void> CheckKernelSupport();

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_INSTALL_FILTER_H_
