// A task of the workload that stands still in the middle of a notified call and executes single
// instructions when told to: what a session works on.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_STOPPED_TASK_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_STOPPED_TASK_H_

#include <sys/types.h>
#include <sys/user.h>

#include "base/result.h"
#include "platform/seccomp_notify/task_holds.h"

namespace moat::platform::seccomp_notify {

// Belongs to the thread that made it. The destructor releases.
class StoppedTask {
 public:
  virtual ~StoppedTask() = default;

  // The number that the kernel knows the task by; an exec changes it to that of the thread group.
  virtual pid_t tid() const = 0;

  // ESRCH once the task has died, for every method.
  virtual Result<user_regs_struct> Registers() = 0;
  virtual Result<void> SetRegisters(const user_regs_struct& registers) = 0;

  enum class StepEnd { kStepped, kReplaced };
  // Executes one instruction; a `syscall` instruction with all that it does. kReplaced: an exec
  // succeeded, the new program has not run yet.
  virtual Result<StepEnd> Step() = 0;
  // Whether a program that has replaced another can be made to run calls as well, before its first
  // instruction.
  virtual bool StepsAfterExec() const = 0;
  // Whether it should not be kept any longer than its work takes: a signal waits for it that it had
  // not blocked itself, or its tracer stands still with it.
  virtual bool ShouldRunOn() const = 0;

  // Lets the task run on, with the registers that were set last. Nothing when it has died.
  virtual void Release() = 0;
  // The same for one that makes a trap first: it may stay on this CPU until then.
  virtual void ReleaseUntilTrap(TaskHolds& holds) {
    static_cast<void>(holds);
    Release();
  }
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_STOPPED_TASK_H_
