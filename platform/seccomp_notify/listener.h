// The ioctls of a seccomp user-notify descriptor, with the kernel's errors sorted into ours.
//
// Direct ioctls: libseccomp 2.5.4 hides errno and lacks the newer flags. Source:
// seccomp_unotify(2), kernel/seccomp.c. Thread-safe.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_LISTENER_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_LISTENER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "base/result.h"
#include "platform/platform.h"

namespace moat::platform::seccomp_notify {

class Listener {
 public:
  // Checks the structure sizes against the kernel's and asks for synchronous wake-ups.
  static absl::StatusOr<Listener> Create(Fd fd);

  // Blocks for the next trap; ECANCELED once no task is left under the filter.
  Result<Trap> Receive() const;
  bool StillWaits(uint64_t id) const;

  // Answers: the call returns `value` (error 0) or -`error`; ENOENT when the task is gone.
  Result<void> Send(uint64_t id, int64_t value, int error) const;
  Result<void> SendContinue(uint64_t id) const;

  struct AddFdOptions {
    bool close_on_exec = false;
    int at = -1;  // replace this number; -1: the lowest free one
  };
  // The trap waits on. ESRCH when the task is gone, EMFILE, EBADF (also for O_PATH). There is an
  // answer in the same step (SECCOMP_ADDFD_FLAG_SEND), but a signal that interrupts it makes the
  // call return 0.
  Result<int> AddFd(uint64_t id, const Fd& fd, const AddFdOptions& options) const;

 private:
  Listener(Fd fd, bool receive_reports_end)
      : fd_(std::move(fd)), receive_reports_end_(receive_reports_end) {}

  // Whether every task is gone; waits up to `timeout` milliseconds (-1: for ever) for that or for a
  // trap.
  Result<bool> Ended(int timeout) const;

  Fd fd_;
  bool receive_reports_end_;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_LISTENER_H_
