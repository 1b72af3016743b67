// One task stopped under ptrace(2) in the middle of its notified call, and single steps of it.
//
// Attached only while this object lives. Belongs to the thread that made it: ptrace knows tracers
// by thread. Exactly one stop follows a step of a `syscall` instruction: EVENT_EXEC, or SIGTRAP
// with the result in place; what may come before it is handled here.
//
// Signals: all but SIGTRAP are blocked for the first step on, and as they were after Release.
// SIGTRAP stays deliverable because the kernel forces the step's own one, and forcing a blocked
// signal would reset the program's handler. (A program that *ignores* SIGTRAP finds it at its
// default after a step: force_sig_info_to_task in kernel/signal.c has no other way.)
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TRACEE_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TRACEE_H_

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "base/result.h"
#include "platform/seccomp_notify/stopped_task.h"
#include "platform/seccomp_notify/task_cpu.h"

namespace moat::platform::seccomp_notify {

class Tracee final : public StoppedTask {
 public:
  // Seizes `tid` and asks it to stop; `answer` then answers its trap, and the stop comes before the
  // task's next instruction. EPERM: somebody else traces it. ESRCH: it is gone, or `answer` failed
  // (the task is let go then). `cpu` may hold the task already; it is taken over with the task.
  static Result<Tracee> Stop(pid_t tid, TaskCpu& cpu, absl::FunctionRef<Result<void>()> answer);

  // Returns when every task that a thread of this process has seized by now has been asked to stop:
  // between the two it runs on.
  static void AwaitRequests();

  Tracee(Tracee&& other) noexcept;
  Tracee& operator=(Tracee&&) = delete;
  ~Tracee() override { Let(); }

  pid_t tid() const override { return tid_; }

  // Every method finds out when the task has died and reaps what ptrace made our zombie.
  Result<user_regs_struct> Registers() override;
  Result<void> SetRegisters(const user_regs_struct& registers) override;
  Result<StepEnd> Step() override;
  bool StepsAfterExec() const override { return true; }
  bool ShouldRunOn() const override;
  // Restores the signal mask and detaches.
  void Release() override { Let(); }
  void ReleaseUntilTrap(TaskHolds& holds) override;

 private:
  Tracee() = default;

  void Let();
  Result<void> BlockSignals();
  // Waits for the next report of the task: its wait status, or ESRCH.
  Result<int> Wait();
  // Whether the task is still traced by this thread under its number.
  bool StillOurs() const;
  // For a ptrace request that failed because the task was killed while it stood still: without the
  // wait its zombie would stay ours and its real parent wait for ever.
  Errno Reap();
  // Whether the SIGTRAP that it stands at means the end of the step. Notes one that somebody sent.
  Result<bool> HasStepped();

  pid_t tid_ = -1;                    // -1: gone or released
  std::optional<uint64_t> old_mask_;  // set once the signals are blocked
  TaskCpu cpu_;  // each step wakes the task and then us; holds nothing once somebody else does
  uint64_t step_from_ = 0;     // the instruction that SetRegisters put it on
  bool owes_sigtrap_ = false;  // somebody sent one while we stepped
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TRACEE_H_
