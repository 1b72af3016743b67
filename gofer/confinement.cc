#include "gofer/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/landlock.h"
#include "base/status.h"

namespace moat::gofer {
namespace {

// Every call in flight holds a few descriptors, and each watched or opened file one more for a
// moment.
constexpr rlim_t kManyFiles = 65536;

absl::Status Check(long result, absl::string_view call, absl::string_view object) {
  return result < 0 ? ErrnoStatus(errno, call, object) : absl::OkStatus();
}

void RaiseLimits() {
  // The callers' own limits are the sentry's business. Best effort: a lower limit shows as EMFILE.
  rlimit files = {kManyFiles, kManyFiles};
  if (::setrlimit(RLIMIT_NOFILE, &files) < 0 && ::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &unlimited);
  const rlimit none = {0, 0};
  // Not RLIMIT_MSGQUEUE: callers make queues under /dev/mqueue.
  for (const auto unused : {RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_NICE, RLIMIT_RTPRIO}) {
    ::setrlimit(unused, &none);
  }
}

void SetSignals() {
  sigset_t empty;
  sigemptyset(&empty);
  ::sigprocmask(SIG_SETMASK, &empty, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

absl::Status SetStandardFds(int log) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  RETURN_IF_ERROR(Check(null.get(), "open", "/dev/null"));
  RETURN_IF_ERROR(Check(::dup2(log, STDERR_FILENO), "dup2", "log"));
  RETURN_IF_ERROR(Check(::dup2(null.get(), STDIN_FILENO), "dup2", "/dev/null"));
  return Check(::dup2(null.get(), STDOUT_FILENO), "dup2", "/dev/null");
}

absl::Status JoinNamespaces(const Cage& cage) {
  // N_c first: it wants CAP_SYS_ADMIN in the caller's user namespace, which A takes away.
  RETURN_IF_ERROR(
      Check(::setns(cage.mount_namespace.get(), CLONE_NEWNS), "setns", "the mount namespace"));
  RETURN_IF_ERROR(Check(::chdir("/"), "chdir", "/"));
  RETURN_IF_ERROR(
      Check(::setns(cage.user_namespace.get(), CLONE_NEWUSER), "setns", "the user namespace"));
  RETURN_IF_ERROR(
      Check(::setns(cage.network_namespace.get(), CLONE_NEWNET), "setns", "the network namespace"));
  return Check(::unshare(CLONE_NEWIPC | CLONE_NEWUTS), "unshare", "IPC and UTS namespaces");
}

// Returns whether groups can be set at all in this user namespace.
absl::StatusOr<bool> BecomeRoot() {
  const bool can_set_groups = ::setgroups(0, nullptr) == 0;
  if (!can_set_groups && errno != EPERM) return ErrnoStatus(errno, "setgroups", "none");
  RETURN_IF_ERROR(Check(::setresgid(0, 0, 0), "setresgid", "0"));
  RETURN_IF_ERROR(Check(::setresuid(0, 0, 0), "setresuid", "0"));
  return can_set_groups;
}

absl::Status DropCapabilities(uint64_t kept) {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if ((kept & CapabilityBit(capability)) != 0) continue;
    RETURN_IF_ERROR(Check(::prctl(PR_CAPBSET_DROP, capability), "prctl", "PR_CAPBSET_DROP"));
  }
  RETURN_IF_ERROR(Check(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl",
                        "PR_CAP_AMBIENT_CLEAR_ALL"));
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    data[half].permitted = data[half].effective = static_cast<uint32_t>(kept >> (32 * half));
  }
  return Check(::syscall(SYS_capset, &header, data), "capset", "the kept capabilities");
}

}  // namespace

absl::Status PrepareProcess(int log) {
  // Threads are many and allocate next to nothing: one arena.
  ::mallopt(M_ARENA_MAX, 1);
  ::prctl(PR_SET_NAME, "moat-gofer");
  // Out of the caller's session: its terminal's signals are the workload's.
  if (::setsid() < 0 && errno != EPERM) return ErrnoStatus(errno, "setsid", "");
  RaiseLimits();
  SetSignals();
  return SetStandardFds(log);
}

absl::StatusOr<IdentityPolicy> EnterCage(const Cage& cage) {
  RETURN_IF_ERROR(JoinNamespaces(cage));
  ASSIGN_OR_RETURN(const bool can_set_groups, BecomeRoot());
  IdentityPolicy policy;
  policy.capabilities = cage.capabilities & kFileCapabilities;
  policy.groups_are_fixed = !can_set_groups;
  RETURN_IF_ERROR(DropCapabilities(policy.capabilities | kOwnCapabilities | kRaisableCapabilities));
  RETURN_IF_ERROR(Check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS"));
  RETURN_IF_ERROR(Check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl", "PR_SET_DUMPABLE"));
  RETURN_IF_ERROR(GiveUpReachingOthers());
  return policy;
}

absl::Status CloseAllBut(int kept) {
  const unsigned first = STDERR_FILENO + 1;
  const unsigned hole = static_cast<unsigned>(kept);
  if (hole > first) {
    RETURN_IF_ERROR(Check(::syscall(SYS_close_range, first, hole - 1, 0), "close_range", ""));
  }
  return Check(::syscall(SYS_close_range, hole + 1, ~0U, 0), "close_range", "");
}

}  // namespace moat::gofer
