#include "platform/seccomp_notify/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/linux_abi/seccomp.h"
#include "base/status.h"
#include "base/turns.h"

namespace moat::platform::seccomp_notify {
namespace {

// The kernel copies its own structures' sizes (SECCOMP_GET_NOTIF_SIZES), which may outgrow those
// that we were built with. A zeroed tail keeps such a kernel's reads and writes inside.
template <typename T>
union Padded {
  T value;
  char space[256];
};

// An ioctl that signals to this process must not fail.
int RetryIoctl(int fd, unsigned long request, void* argument) {
  int result;
  do {
    result = ::ioctl(fd, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

absl::Status CheckSizes() {
  seccomp_notif_sizes sizes = {};
  if (::syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
    return ErrnoStatus(errno, "seccomp", "SECCOMP_GET_NOTIF_SIZES");
  const size_t largest = std::max(sizes.seccomp_notif, sizes.seccomp_notif_resp);
  if (largest > sizeof(Padded<seccomp_notif>))
    return absl::FailedPreconditionError(absl::StrCat("seccomp: this kernel's notifications have ",
                                                      largest, " bytes; moat must be rebuilt"));
  return absl::OkStatus();
}

Trap TrapOf(const seccomp_notif& notification) {
  Trap trap;
  trap.id = notification.id;
  trap.tid = static_cast<pid_t>(notification.pid);
  trap.nr = notification.data.nr;
  std::copy(std::begin(notification.data.args), std::end(notification.data.args),
            trap.args.begin());
  trap.instruction_pointer = notification.data.instruction_pointer;
  return trap;
}

}  // namespace

absl::StatusOr<Listener> Listener::Create(Fd fd) {
  RETURN_IF_ERROR(CheckSizes());
  // EINVAL before 6.6: the answers then wake the task wherever the scheduler likes, which is only
  // slower. Any other error means that this is no listener.
  if (::ioctl(fd.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0 &&
      errno != EINVAL)
    return ErrnoStatus(errno, "ioctl SECCOMP_IOCTL_NOTIF_SET_FLAGS", "listener");
  return Listener(std::move(fd), ReceiveReportsEnd());
}

Result<bool> Listener::Ended(int timeout) const {
  pollfd entry = {fd_.get(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&entry, 1, timeout);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return Errno::Last();
  return (entry.revents & POLLHUP) != 0;
}

Result<Trap> Listener::Receive() const {
  for (;;) {
    if (!receive_reports_end_) {
      TRY_ASSIGN(const bool ended, Ended(-1));
      if (ended) return Errno(ECANCELED);
    }
    Padded<seccomp_notif> notification = {.space = {}};  // the kernel refuses anything but zeros
    if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0)
      return TrapOf(notification.value);
    if (errno == EINTR) continue;
    if (errno != ENOENT) return Errno::Last();
    // A task that died between the wake-up and the copy, or the last one of all.
    TRY_ASSIGN(const bool ended, Ended(0));
    if (ended) return Errno(ECANCELED);
  }
}

bool Listener::StillWaits(uint64_t id) const {
  return ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

Result<void> Listener::Send(uint64_t id, int64_t value, int error) const {
  Padded<seccomp_notif_resp> response = {.space = {}};
  response.value = {id, value, -error, 0};
  if (RetryIoctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) < 0) return Errno::Last();
  return Unit();
}

Result<void> Listener::SendContinue(uint64_t id) const {
  Padded<seccomp_notif_resp> response = {.space = {}};
  response.value = {id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  if (RetryIoctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) < 0) return Errno::Last();
  return Unit();
}

Result<int> Listener::AddFd(uint64_t id, const Fd& fd, const AddFdOptions& options) const {
  seccomp_notif_addfd request = {};
  request.id = id;
  request.flags = options.at >= 0 ? SECCOMP_ADDFD_FLAG_SETFD : 0;
  request.srcfd = static_cast<uint32_t>(fd.get());
  request.newfd = options.at >= 0 ? static_cast<uint32_t>(options.at) : 0;
  request.newfd_flags = options.close_on_exec ? O_CLOEXEC : 0;
  // EINTR takes the request back before the task has seen it, so that it can be made again.
  const int number = RetryIoctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  if (number >= 0) return number;
  return Errno(errno == ENOENT ? ESRCH : errno);
}

}  // namespace moat::platform::seccomp_notify
