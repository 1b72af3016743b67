#include "base/turns.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "base/linux_abi/seccomp.h"

namespace moat {
namespace {

// Room for a kernel whose structures have grown (SECCOMP_GET_NOTIF_SIZES). A zeroed tail keeps its
// reads and writes inside.
template <typename T>
union Padded {
  T value;
  char space[256];
};

}  // namespace

Result<Fd> BecomeFollower() {
  const std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPassTurnCall, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  }};
  const sock_fprog filter = {program.size(), const_cast<sock_filter*>(program.data())};
  Fd listener(static_cast<int>(
      ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter)));
  if (!listener) return Errno::Last();
  return listener;
}

Result<void> PassTurn() {
  if (::syscall(kPassTurnCall) < 0) return Errno::Last();
  return Unit();
}

Follower::Follower(Fd listener)
    : listener_(std::move(listener)), receive_reports_end_(ReceiveReportsEnd()) {
  // EINVAL before 6.6: slower, and still right.
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

// Whether a notification waits; EPIPE when none can come any more.
Result<bool> Follower::PollUntil(int timeout_milliseconds) {
  pollfd entry = {listener_.get(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&entry, 1, timeout_milliseconds);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return Errno::Last();
  if ((entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Errno(EPIPE);
  return ready > 0;
}

Result<void> Follower::Receive() {
  for (;;) {
    Padded<seccomp_notif> notification = {.space = {}};
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) {
      turn_ = notification.value.id;
      return Unit();
    }
    if (errno == EINTR) continue;
    if (errno != ENOENT) return Errno::Last();
    // A signal took the follower's call back; it comes again. Or it has ended.
    TRY(PollUntil(-1));
  }
}

Result<void> Follower::AwaitTurn(std::optional<std::chrono::milliseconds> limit) {
  if (limit || !receive_reports_end_) {
    TRY_ASSIGN(const bool came, PollUntil(limit ? static_cast<int>(limit->count()) : -1));
    if (!came) return Errno(EAGAIN);
  }
  return Receive();
}

Result<void> Follower::GiveTurn() {
  for (;;) {
    Padded<seccomp_notif_resp> response = {.space = {}};
    response.value.id = turn_;
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0) return Unit();
    if (errno == EINTR) continue;
    if (errno != ENOENT) return Errno::Last();
    TRY(Receive());  // a signal had woken it; it waits for its turn again
  }
}

void HandOverPolitely() {
  const sched_param parameters = {};
  ::sched_setscheduler(0, SCHED_BATCH, &parameters);
}

bool ReceiveReportsEnd() {
  utsname name = {};
  unsigned major = 0, minor = 0;
  if (::uname(&name) < 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 11);
}

}  // namespace moat
