// Calls that change what the sentry remembers of a task: it forgets, then lets the kernel make the
// change.
#ifndef MOAT_SENTRY_TASK_SYS_CREDENTIALS_H_
#define MOAT_SENTRY_TASK_SYS_CREDENTIALS_H_

#include "sentry/call.h"

namespace moat::sentry {

// setuid(2) and its family, setgroups(2), capset(2): always ContinueNative. Harmless because the
// kernel judges the call by the caller's credentials in its own user namespace, whatever the
// arguments are by then, and the sentry reads the result, not the arguments.
Outcome SysChangeCredentials(Call& call);

// umask(2): ContinueNative, for the same reason.
Outcome SysGetresuid(Call& call);
Outcome SysGetresgid(Call& call);
Outcome SysUmask(Call& call);
// fchdir(2): ContinueNative; its argument is a descriptor, no pointer.
Outcome SysFchdir(Call& call);

// clone(2) with CLONE_FS and without CLONE_THREAD: ContinueNative; the filter has refused every
// namespace flag by then, and flags are no pointer.
Outcome SysCloneSharingFiles(Call& call);

// seccomp(2) and prctl(PR_SET_SECCOMP) that add a filter: ContinueNative; a filter can only take
// calls away, whatever it says by then. From then on the caller makes all its calls by traps.
Outcome SysAddFilter(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_SYS_CREDENTIALS_H_
