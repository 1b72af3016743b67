#include "platform/seccomp_notify/notify_platform.h"

#include <signal.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/linux_abi/errno.h"
#include "base/log.h"
#include "base/status.h"
#include "platform/seccomp_notify/guest_copy.h"
#include "platform/seccomp_notify/listener.h"
#include "platform/seccomp_notify/receiver_gate.h"
#include "platform/seccomp_notify/session.h"
#include "platform/seccomp_notify/task_cpu.h"
#include "platform/seccomp_notify/tracee.h"

namespace moat::platform::seccomp_notify {
namespace {

class NotifyPlatform final : public Platform {
 public:
  NotifyPlatform(Listener listener, uint64_t cookie)
      : listener_(std::move(listener)), cookie_(cookie) {}

  Result<Trap> Next() override {
    ReceiverGate::Pass pass(gate_);
    return listener_.Receive();
  }
  bool StillWaits(const Trap& trap) override { return listener_.StillWaits(trap.id); }

  Result<size_t> Read(const Trap& trap, GuestAddr from, absl::Span<std::byte> to) override {
    return CopyFromGuest(trap.tid, from, to);
  }
  Result<size_t> Write(const Trap& trap, GuestAddr to, absl::Span<const std::byte> from) override {
    return CopyToGuest(trap.tid, to, from);
  }

  // A failed answer means that the task is gone: there is nobody to tell.
  void ReturnValue(const Trap& trap, int64_t value) override {
    static_cast<void>(listener_.Send(trap.id, value, 0));
  }
  void ReturnErrno(const Trap& trap, Errno error) override {
    static_cast<void>(listener_.Send(trap.id, 0, error.value()));
  }
  void ReturnRestart(const Trap& trap) override;
  void Continue(const Trap& trap) override { static_cast<void>(listener_.SendContinue(trap.id)); }

  Result<int> AddFd(const Trap& trap, const Fd& fd, bool close_on_exec) override;
  Result<void> AddFdAt(const Trap& trap, const Fd& fd, int at, bool close_on_exec) override;

  Result<std::unique_ptr<Session>> Enter(const Trap& trap) override;
  uint64_t cookie() const override { return cookie_; }

 private:
  Result<int> Give(const Trap& trap, const Fd& fd, const Listener::AddFdOptions& options);
  // Stops the task under ptrace while its trap returns -`error` (0: the value 0).
  Result<Tracee> StopWith(const Trap& trap, int error);

  ReceiverGate gate_;
  const Listener listener_;
  const uint64_t cookie_;
};

Result<Tracee> NotifyPlatform::StopWith(const Trap& trap, int error) {
  auto tracee = Tracee::Stop(trap.tid, [&] { return listener_.Send(trap.id, 0, error); });
  // A dying task can't be seized either (EPERM), which is not the same as being traced.
  if (!tracee.ok() && !StillWaits(trap)) return Errno(ESRCH);
  return tracee;
}

void NotifyPlatform::ReturnRestart(const Trap& trap) {
  // The kernel looks at -ERESTARTSYS on its way to a signal only; without one (another thread has
  // taken it) the program would see the number. A stop takes the same way, so ask for one.
  auto stopped = StopWith(trap, linux_abi::kErestartSys);
  if (!stopped.ok()) ReturnErrno(trap, Errno(EINTR));
}

Result<int> NotifyPlatform::AddFd(const Trap& trap, const Fd& fd, bool close_on_exec) {
  return Give(trap, fd, {.close_on_exec = close_on_exec});
}

Result<void> NotifyPlatform::AddFdAt(const Trap& trap, const Fd& fd, int at, bool close_on_exec) {
  if (at < 0) return Errno(EBADF);
  TRY_ASSIGN([[maybe_unused]] const int number,
             Give(trap, fd, {.close_on_exec = close_on_exec, .at = at}));
  return Unit();
}

// The task itself takes the descriptor: it is woken, and goes on waiting for its answer.
Result<int> NotifyPlatform::Give(const Trap& trap, const Fd& fd,
                                 const Listener::AddFdOptions& options) {
  TaskCpu cpu;
  cpu.Hold(trap.tid);
  auto number = listener_.AddFd(trap.id, fd, options);
  cpu.Release(trap.tid);
  return number;
}

Result<std::unique_ptr<Session>> NotifyPlatform::Enter(const Trap& trap) {
  TRY_ASSIGN(Tracee tracee, StopWith(trap, 0));
  TRY_ASSIGN(const user_regs_struct registers, tracee.Registers());
  return std::unique_ptr<Session>(
      std::make_unique<TracedSession>(std::move(tracee), registers, cookie_));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Platform>> Create(Fd listener, uint64_t cookie) {
  ASSIGN_OR_RETURN(Listener ours, Listener::Create(std::move(listener)));
  return std::make_unique<NotifyPlatform>(std::move(ours), cookie);
}

}  // namespace moat::platform::seccomp_notify
