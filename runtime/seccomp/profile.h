// linux.seccomp: the config's own filter (runtime-spec 1.3, config-linux.md, "Seccomp"), stacked on
// moat's.
//
// The kernel asks all filters of a task and takes the strongest answer: KILL_PROCESS, KILL_THREAD,
// TRAP, ERRNO, USER_NOTIF, TRACE, LOG, ALLOW (seccomp(2)). So what the profile allows is still
// moat's to decide, what moat mediates (USER_NOTIF) the profile can still refuse, and neither
// loosens the other. What differs from a profile that stands alone:
// - SCMP_ACT_LOG logs only calls that moat runs natively.
// - SCMP_ACT_TRACE refuses with ENOSYS, as without a tracer: moat's notification would win over it.
// - SCMP_ACT_NOTIFY is refused. A task has one listener (EBUSY, seccomp(2)), and it is moat's.
// - Of the architectures only x86-64 counts: moat refuses every call of another.
// - The calls by which moat's own programs act in a task pass (sessions, by a cookie in the sixth
//   argument, which they ignore; and the stub's question for its plan, a number that Linux has
//   not).
//
// Not by libseccomp: it can't compare one argument twice or repeat the default action in a rule,
// and Debian's 2.5 knows no call newer than Linux 5.17. filter_compiler.h has the rest of the
// reasons.
#ifndef MOAT_RUNTIME_SECCOMP_PROFILE_H_
#define MOAT_RUNTIME_SECCOMP_PROFILE_H_

#include <linux/filter.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::seccomp {

struct Profile {
  std::vector<sock_filter> program;  // empty: nothing to install
  unsigned flags = 0;                // SECCOMP_FILTER_FLAG_*
};

// What the compiler has to know of the rest of moat.
struct Surroundings {
  // The number of a system call; names that it doesn't know are left out, as runc does: profiles
  // list the calls of newer kernels and other architectures.
  std::function<std::optional<int>(absl::string_view name)> number_of;
  uint64_t cookie = 0;  // of sessions; 0: none
  int plan_call = -1;   // the stub's
};

// Of all entries that match a call the strongest action counts, as the kernel has it among filters;
// the default counts where none does. (libseccomp, and so runc, lets an entry without arguments
// take away those with arguments, refusals too: a profile that says both is stricter here.) Errors
// name the field. Pure.
absl::StatusOr<Profile> CompileProfile(const spec::Seccomp& config, const Surroundings& moat);

// Whether the profile lets a call through whatever its arguments are. It may, in cases that this
// does not see. Pure.
bool AlwaysAllows(const spec::Seccomp& config, absl::string_view call);

// On the calling thread and all that it will create. Needs CAP_SYS_ADMIN in the caller's user
// namespace or PR_SET_NO_NEW_PRIVS.
absl::Status InstallProfile(const Profile& profile);

}  // namespace moat::seccomp

#endif  // MOAT_RUNTIME_SECCOMP_PROFILE_H_
