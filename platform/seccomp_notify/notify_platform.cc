#include "platform/seccomp_notify/notify_platform.h"

#include <signal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/linux_abi/errno.h"
#include "base/log.h"
#include "base/status.h"
#include "platform/guest_copy.h"
#include "platform/seccomp_notify/hold_choice.h"
#include "platform/seccomp_notify/listener.h"
#include "platform/seccomp_notify/receiver_gate.h"
#include "platform/seccomp_notify/session.h"
#include "platform/seccomp_notify/task_cpu.h"
#include "platform/seccomp_notify/task_holds.h"
#include "platform/seccomp_notify/traced_task.h"
#include "platform/seccomp_notify/tracee.h"
#include "platform/seccomp_notify/tracer.h"

namespace moat::platform::seccomp_notify {
namespace {

class NotifyPlatform final : public Platform {
 public:
  NotifyPlatform(Listener listener, uint64_t cookie)
      : listener_(std::move(listener)), cookie_(cookie) {}

  Result<Trap> Next() override;
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
  Result<Entered> EnterWith(const Trap& trap, const Fd& fd,
                            absl::Span<const Fd* const> more) override;
  uint64_t cookie() const override { return cookie_; }

 private:
  Result<int> Give(const Trap& trap, const Fd& fd, const Listener::AddFdOptions& options);
  // The same with the task and this thread held on this thread's CPU.
  Result<int> GiveHeld(const Trap& trap, const Fd& fd, const Listener::AddFdOptions& options);
  // Enter, of a task that `cpu` may hold already.
  Result<std::unique_ptr<Session>> EnterHeld(const Trap& trap, TaskCpu& cpu);
  // Stops the task under ptrace while its trap returns -`error` (0: the value 0). EPERM: somebody
  // else traces it.
  Result<Tracee> StopWith(const Trap& trap, TaskCpu& cpu, int error);
  // Whether another thread of ours stops the task as soon as its trap is answered: because it
  // traces a task that the thread wants to act in, or has the number of one that was replaced by an
  // exec or died in its call, which the thread found out too late.
  bool StopsAnyway(const Trap& trap) const;
  // The same for a task that the workload traces.
  Result<std::unique_ptr<StoppedTask>> StopThroughTracer(const Trap& trap);

  ReceiverGate gate_;
  HoldChoice hold_choice_;
  TaskHolds holds_;
  const Listener listener_;
  const uint64_t cookie_;
};

Result<Trap> NotifyPlatform::Next() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kWithoutSleep = std::chrono::microseconds(3);
  gate_.Enter();
  const auto start = Clock::now();
  auto trap = listener_.Receive();
  if (trap.ok()) {
    gate_.Took(trap->tid, Clock::now() - start < kWithoutSleep);
    holds_.Release(trap->tid);
    OwnStay::OfThread().Note(trap->tid);
  } else {
    gate_.Leave();
  }
  return trap;
}

Result<Tracee> NotifyPlatform::StopWith(const Trap& trap, TaskCpu& cpu, int error) {
  auto tracee = Tracee::Stop(trap.tid, cpu, [&] { return listener_.Send(trap.id, 0, error); });
  // A dying task can't be seized either (EPERM), which is not the same as being traced.
  if (!tracee.ok() && !StillWaits(trap)) return Errno(ESRCH);
  return tracee;
}

void NotifyPlatform::ReturnRestart(const Trap& trap) {
  // The kernel looks at -ERESTARTSYS on its way to a signal only; without one (another thread has
  // taken it) the program would see the number. A stop takes the same way, so ask for one.
  TaskCpu free;
  if (StopWith(trap, free, linux_abi::kErestartSys).ok()) return;
  const bool stops = StopsAnyway(trap);
  static_cast<void>(listener_.Send(trap.id, 0, stops ? linux_abi::kErestartSys : EINTR));
}

bool NotifyPlatform::StopsAnyway(const Trap& trap) const {
  const auto who = WhoTraces(trap.tid);
  if (!who.ok() || who->tracer == 0 || !IsOwnThread(who->tracer)) return false;
  Tracee::AwaitRequests();
  return true;
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

// The task itself takes the descriptor: we wake it, it wakes us, and goes on waiting for its
// answer.
Result<int> NotifyPlatform::Give(const Trap& trap, const Fd& fd,
                                 const Listener::AddFdOptions& options) {
  const bool hold = hold_choice_.Hold();
  const auto start = std::chrono::steady_clock::now();
  auto number = hold ? GiveHeld(trap, fd, options) : listener_.AddFd(trap.id, fd, options);
  hold_choice_.Took(hold, std::chrono::steady_clock::now() - start);
  return number;
}

Result<int> NotifyPlatform::GiveHeld(const Trap& trap, const Fd& fd,
                                     const Listener::AddFdOptions& options) {
  OwnStay::OfThread().Begin(trap.tid);
  TaskCpu task_cpu;
  task_cpu.Hold(trap.tid);
  auto number = listener_.AddFd(trap.id, fd, options);
  task_cpu.Release(trap.tid);
  if (!hold_choice_.Pays()) OwnStay::OfThread().End();
  return number;
}

Result<std::unique_ptr<StoppedTask>> NotifyPlatform::StopThroughTracer(const Trap& trap) {
  // Another thread of ours may be acting in the tracer just now.
  constexpr auto kPause = std::chrono::microseconds(200);
  for (;; std::this_thread::sleep_for(kPause)) {
    TRY_ASSIGN(const TracedBy who, WhoTraces(trap.tid));
    if (!StillWaits(trap)) return Errno(ESRCH);
    if (who.tracer == 0) return Errno(EAGAIN);  // not any more
    if (StopsAnyway(trap)) {
      // It makes its call anew afterwards.
      static_cast<void>(listener_.Send(trap.id, 0, linux_abi::kErestartNoIntr));
      return Errno(ESRCH);
    }
    auto task =
        TracedTask::Stop(trap.tid, who, cookie_, [&] { return listener_.Send(trap.id, 0, EINTR); });
    if (task.ok()) return std::unique_ptr<StoppedTask>(*std::move(task));
    if (!(task.error() == Errno(EPERM))) return task.error();
    TRY_ASSIGN(const TracedBy above, WhoTraces(who.tracer));
    if (above.tracer != 0 && !IsOwnThread(above.tracer)) return Errno(EPERM);
  }
}

Result<std::unique_ptr<Session>> NotifyPlatform::Enter(const Trap& trap) {
  TaskCpu free;
  return EnterHeld(trap, free);
}

Result<Platform::Entered> NotifyPlatform::EnterWith(const Trap& trap, const Fd& fd,
                                                    absl::Span<const Fd* const> more) {
  OwnStay::OfThread().Begin(trap.tid);
  TaskCpu cpu;
  cpu.Hold(trap.tid);
  const auto enter = [&]() -> Result<Entered> {
    Entered result;
    TRY_ASSIGN(result.number, listener_.AddFd(trap.id, fd, {.close_on_exec = true}));
    for (const Fd* one : more) {
      const auto number = listener_.AddFd(trap.id, *one, {.close_on_exec = true});
      if (number.ok()) result.more.push_back(*number);
    }
    TRY_ASSIGN(result.session, EnterHeld(trap, cpu));
    return result;
  };
  auto entered = enter();
  cpu.Release(trap.tid);  // unless the session holds it now
  return entered;
}

Result<std::unique_ptr<Session>> NotifyPlatform::EnterHeld(const Trap& trap, TaskCpu& cpu) {
  // A tracer outside the container's pid namespaces (`strace -f moat run ...`) shows as none.
  constexpr int kMostVainTries = 100;
  constexpr auto kPause = std::chrono::microseconds(200);
  int vain_tries = 0;
  std::unique_ptr<StoppedTask> task;
  while (!task) {
    auto tracee = StopWith(trap, cpu, 0);
    if (tracee.ok()) {
      task = std::make_unique<Tracee>(*std::move(tracee));
    } else if (!(tracee.error() == Errno(EPERM))) {
      return tracee.error();
    } else {
      cpu.Release(trap.tid);
      auto traced = StopThroughTracer(trap);
      if (traced.ok()) {
        task = *std::move(traced);
        break;
      }
      if (!(traced.error() == Errno(EAGAIN))) return traced.error();
      if (++vain_tries == kMostVainTries) {
        static std::atomic<bool> told{false};
        if (told.exchange(true)) return Errno(EPERM);
        LogWarning(
            "a process of the container is traced from outside, where moat cannot reach the "
            "tracer: it can execute no program (EPERM). Trace moat itself without its children, "
            "or trace inside the container");
        return Errno(EPERM);
      }
      std::this_thread::sleep_for(kPause);
    }
  }
  TRY_ASSIGN(const user_regs_struct registers, task->Registers());
  return std::unique_ptr<Session>(
      std::make_unique<TracedSession>(std::move(task), registers, cookie_, holds_));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Platform>> Create(Fd listener, uint64_t cookie) {
  ASSIGN_OR_RETURN(Listener ours, Listener::Create(std::move(listener)));
  return std::make_unique<NotifyPlatform>(std::move(ours), cookie);
}

}  // namespace moat::platform::seccomp_notify
