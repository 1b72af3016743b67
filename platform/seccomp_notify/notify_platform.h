// platform::Platform on a seccomp user-notify listener, with ptrace for sessions.
//
// Sources: seccomp_unotify(2), ptrace(2), kernel/seccomp.c up to 6.18. The listener comes from
// InstallFilter (install_filter.h), so received traps wait killably
// (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV): no signal but SIGKILL disturbs a trap between Next and
// its answer.
//
// Privilege: none, when the caller's effective uid owns the tasks' user namespace
// (user_namespaces(7), "owner of a child namespace"; also under Yama's ptrace_scope 1 and 2).
//
// Threads: any number may sit in Next; each received trap is handled by one thread, with at most
// one session at a time. A session awaits its task with waitpid(-1, __WNOTHREAD), because an exec
// may report under another number: children of the thread itself that end meanwhile are reaped
// unseen, so it should have none that it wants to hear of.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_NOTIFY_PLATFORM_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_NOTIFY_PLATFORM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "platform/platform.h"

namespace moat::platform::seccomp_notify {

// `cookie` is the one that the filter was compiled with (policies/compiler/filter_spec.h). Switches
// the listener to synchronous wake-ups when the kernel has them (6.6). Errors: not a listener, or a
// kernel whose notification structures are larger than this program can hold.
absl::StatusOr<std::unique_ptr<Platform>> Create(Fd listener, uint64_t cookie);

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_NOTIFY_PLATFORM_H_
