// A StoppedTask that the workload traces itself, reached through its tracer (tracer.h).
//
// What the tracer is to see of its tracee afterwards is what the kernel would have shown it: the
// end of the system call when it asked for those (PTRACE_SYSCALL), the end of the step, the exec.
// Such a report is made by the very last thing that the task does here, and is left for the tracer
// to find. All others are taken away. Signals for the task wait meanwhile, as in a session.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TRACED_TASK_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TRACED_TASK_H_

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/result.h"
#include "platform/seccomp_notify/stopped_task.h"
#include "platform/seccomp_notify/tracer.h"

namespace moat::platform::seccomp_notify {

class TracedTask final : public StoppedTask {
 public:
  // Stops `tid`, which `who` says is traced; `answer` then answers its trap. Errors as Tracee::Stop
  // and Tracer::Borrow.
  static Result<std::unique_ptr<TracedTask>> Stop(pid_t tid, const TracedBy& who, uint64_t cookie,
                                                  absl::FunctionRef<Result<void>()> answer);
  ~TracedTask() override { Let(); }

  pid_t tid() const override { return tid_; }
  Result<user_regs_struct> Registers() override;
  Result<void> SetRegisters(const user_regs_struct& registers) override;
  Result<StepEnd> Step() override;
  bool StepsAfterExec() const override { return false; }
  bool ShouldRunOn() const override { return true; }
  void Release() override { Let(); }

 private:
  // How the tracer let the task run into its call, and so what it waits for.
  enum class Resumed { kContinue, kSyscall, kStep };
  enum class Seen { kSyscall, kStepped, kExec, kIgnore };

  TracedTask(pid_t tid, const TracedBy& who, std::unique_ptr<Tracer> tracer)
      : tid_(tid), who_(who), tracer_(std::move(tracer)) {}

  Result<void> AskForStop();
  Result<void> LookAtFirstStop();
  // Waits for a report of the task and leaves it to the tracer.
  Result<Tracer::Report> WaitForReport();
  Result<Seen> Classify(const Tracer::Report& report);
  Result<Seen> ClassifyTrap();
  Result<bool> HasBeenReplaced();
  Result<void> BlockSignals();
  // Lets it execute what it stands at, up to the report of its end, which is left to the tracer.
  Result<Seen> Run();
  // Makes the report that the tracer waits for.
  Result<void> MakeLastReport();
  void Let();

  pid_t tid_;
  TracedBy who_;
  std::unique_ptr<Tracer> tracer_;  // null: released
  Resumed resumed_ = Resumed::kContinue;
  bool owes_stop_ = false;     // the SIGSTOP that we sent has not been seen yet
  bool interrupted_ = false;   // by the tracer itself, which has not seen it yet
  bool in_syscall_ = false;    // between the reports of a call's start and end
  bool replaced_ = false;      // by an exec
  bool leave_report_ = false;  // the last report is for the tracer
  int deliver_ = 0;            // with the next resumption
  uint64_t step_from_ = 0;     // the instruction that SetRegisters put it on
  user_regs_struct last_set_{};
  std::optional<uint64_t> old_mask_;
  std::vector<int> postponed_;  // signals that came in between; sent again at the end
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TRACED_TASK_H_
