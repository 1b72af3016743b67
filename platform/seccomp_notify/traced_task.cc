#include "platform/seccomp_notify/traced_task.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace moat::platform::seccomp_notify {
namespace {

using Clock = std::chrono::steady_clock;

// A report that does not come within this time was taken by another thread of the tracer.
constexpr auto kPatience = std::chrono::seconds(20);
constexpr uint64_t kSyscallSize = 2;
constexpr uint64_t SignalBit(int signal) { return uint64_t{1} << (signal - 1); }
constexpr uint64_t kAllButSigtrap = ~SignalBit(SIGTRAP);
constexpr int kSyscallMark = 0x80;  // PTRACE_O_TRACESYSGOOD

int EventOf(const Tracer::Report& report) { return report.status >> 8; }
int SignalOf(const Tracer::Report& report) { return report.status & 0xff; }

void Nap(std::chrono::microseconds length) {
  const timespec time = {0, length.count() * 1000};
  ::nanosleep(&time, nullptr);
}

}  // namespace

Result<std::unique_ptr<TracedTask>> TracedTask::Stop(pid_t tid, const TracedBy& who,
                                                     uint64_t cookie,
                                                     absl::FunctionRef<Result<void>()> answer) {
  TRY_ASSIGN(auto tracer, Tracer::Borrow(who.tracer, cookie));
  std::unique_ptr<TracedTask> task(new TracedTask(tid, who, std::move(tracer)));
  if (auto asked = task->AskForStop(); !asked.ok()) {
    task->tracer_.reset();
    return asked.error();
  }
  const bool answered = answer().ok();
  if (auto stopped = task->LookAtFirstStop(); !stopped.ok() || !answered) {
    if (!stopped.ok()) task->tracer_.reset();
    return Errno(ESRCH);
  }
  return task;
}

Result<void> TracedTask::AskForStop() {
  // By a signal, also where PTRACE_INTERRUPT would do: an EVENT_STOP is then known to be the
  // tracer's own. A SIGSTOP that waits already, as after PTRACE_ATTACH, stops it as well and is the
  // tracer's, too; a SIGCONT that waits is lost to ours.
  TRY_ASSIGN(const TracedBy now, WhoTraces(tid_));
  if (now.pending & SignalBit(SIGSTOP)) return {};
  if (now.pending & SignalBit(SIGCONT)) postponed_.push_back(SIGCONT);
  if (::syscall(SYS_tkill, tid_, SIGSTOP) < 0) return Errno::Last();
  owes_stop_ = true;
  return {};
}

Result<void> TracedTask::LookAtFirstStop() {
  TRY_ASSIGN(const Tracer::Report report, WaitForReport());
  TRY_ASSIGN(const user_regs_struct registers, Registers());
  last_set_ = registers;
  step_from_ = registers.rip - kSyscallSize;
  TRY_ASSIGN(const Seen stop, Classify(report));
  if (stop == Seen::kSyscall) resumed_ = Resumed::kSyscall;
  if (stop == Seen::kStepped) resumed_ = Resumed::kStep;
  // A signal that is not ours: it comes again at the end.
  if (deliver_ != 0) postponed_.push_back(std::exchange(deliver_, 0));
  return tracer_->Take(who_.inner_tid);
}

Result<Tracer::Report> TracedTask::WaitForReport() {
  const auto start = Clock::now();
  for (auto nap = std::chrono::microseconds(10);;) {
    TRY_ASSIGN(Tracer::Report report, tracer_->Peek(who_.inner_tid));
    if (report.code == 0 && who_.inner_tid != who_.inner_tgid) {
      // An exec by another thread than the leader is reported under the leader's number.
      TRY_ASSIGN(const Tracer::Report leader, tracer_->Peek(who_.inner_tgid));
      if (leader.code == CLD_TRAPPED && EventOf(leader) == PTRACE_EVENT_EXEC) {
        who_.inner_tid = who_.inner_tgid;
        tid_ = who_.tgid;
        report = leader;
      }
    }
    if (report.code == CLD_TRAPPED || report.code == CLD_STOPPED) return report;
    if (report.code != 0 || Clock::now() - start > kPatience) return Errno(ESRCH);
    Nap(nap);
    if (nap < std::chrono::milliseconds(1)) nap *= 2;
  }
}

Result<TracedTask::Seen> TracedTask::Classify(const Tracer::Report& report) {
  const int signal = SignalOf(report);
  if (EventOf(report) == PTRACE_EVENT_EXEC) return Seen::kExec;
  if (EventOf(report) == PTRACE_EVENT_STOP) interrupted_ = true;
  if (EventOf(report) != 0) return Seen::kIgnore;
  if (signal == (SIGTRAP | kSyscallMark)) return Seen::kSyscall;
  if (signal == SIGTRAP) return ClassifyTrap();
  if (signal == SIGSTOP) {
    if (!std::exchange(owes_stop_, false)) postponed_.push_back(signal);
    return Seen::kIgnore;
  }
  deliver_ = signal;
  return Seen::kIgnore;
}

Result<TracedTask::Seen> TracedTask::ClassifyTrap() {
  TRY_ASSIGN(const int code, tracer_->SignalCode(who_.inner_tid));
  if (code == SIGTRAP) return Seen::kSyscall;  // without PTRACE_O_TRACESYSGOOD
  TRY_ASSIGN(const user_regs_struct now, Registers());
  const bool moved = now.rip != step_from_;
  const bool elsewhere = moved && now.rip != step_from_ + kSyscallSize;
  // After an exec the kernel sends one to a task without PTRACE_O_TRACEEXEC.
  if (code <= 0 && elsewhere) return Seen::kExec;
  if (code > 0) return Seen::kStepped;
  postponed_.push_back(SIGTRAP);
  return moved ? Seen::kStepped : Seen::kIgnore;
}

Result<user_regs_struct> TracedTask::Registers() {
  if (!tracer_) return Errno(ESRCH);
  return tracer_->Registers(who_.inner_tid);
}

Result<void> TracedTask::SetRegisters(const user_regs_struct& registers) {
  if (!tracer_) return Errno(ESRCH);
  TRY(tracer_->SetRegisters(who_.inner_tid, registers));
  last_set_ = registers;
  step_from_ = registers.rip;
  return {};
}

Result<void> TracedTask::BlockSignals() {
  if (old_mask_) return {};
  TRY_ASSIGN(const uint64_t mask, tracer_->SignalMask(who_.inner_tid));
  TRY(tracer_->SetSignalMask(who_.inner_tid, kAllButSigtrap));
  old_mask_ = mask;
  return {};
}

Result<TracedTask::Seen> TracedTask::Run() {
  TRY(BlockSignals());
  const int request = resumed_ == Resumed::kSyscall ? PTRACE_SYSCALL : PTRACE_SINGLESTEP;
  for (;;) {
    const auto deliver = static_cast<uint64_t>(std::exchange(deliver_, 0));
    TRY(tracer_->Request(request, who_.inner_tid, 0, deliver));
    TRY_ASSIGN(const Tracer::Report report, WaitForReport());
    TRY_ASSIGN(const Seen stop, Classify(report));
    if (stop == Seen::kExec) return stop;
    if (stop == Seen::kStepped && resumed_ != Resumed::kSyscall) return stop;
    if (stop == Seen::kSyscall && resumed_ == Resumed::kSyscall) {
      in_syscall_ = !in_syscall_;
      if (!in_syscall_) return stop;
    }
    TRY(tracer_->Take(who_.inner_tid));
  }
}

Result<bool> TracedTask::HasBeenReplaced() {
  TRY_ASSIGN(const user_regs_struct now, Registers());
  return now.rip != step_from_ && now.rip != step_from_ + kSyscallSize;
}

Result<StoppedTask::StepEnd> TracedTask::Step() {
  if (!tracer_ || replaced_) return Errno(ESRCH);
  const uint64_t nr = last_set_.rax;
  TRY_ASSIGN(const Seen stop, Run());
  bool replaced = stop == Seen::kExec;
  if (!replaced && nr == __NR_execveat) {
    TRY_ASSIGN(replaced, HasBeenReplaced());
  }
  if (!replaced) {
    TRY(tracer_->Take(who_.inner_tid));
    return StepEnd::kStepped;
  }
  replaced_ = true;
  // The end of a step is nobody's business unless the tracer stepped.
  leave_report_ = stop != Seen::kStepped || resumed_ == Resumed::kStep;
  return StepEnd::kReplaced;
}

Result<void> TracedTask::MakeLastReport() {
  const user_regs_struct last = last_set_;
  user_regs_struct harmless = last;
  harmless.rip -= kSyscallSize;
  harmless.rax = __NR_getppid;
  harmless.orig_rax = ~uint64_t{0};
  TRY(SetRegisters(harmless));
  TRY(Run());
  return SetRegisters(last);
}

void TracedTask::Let() {
  if (!tracer_) return;
  if (!replaced_ && resumed_ != Resumed::kContinue) leave_report_ = MakeLastReport().ok();
  if (old_mask_) static_cast<void>(tracer_->SetSignalMask(who_.inner_tid, *old_mask_));
  for (const int signal : postponed_) {
    tracer_->SendSignal(who_.inner_tgid, who_.inner_tid, signal);
  }
  if (interrupted_) {
    static_cast<void>(tracer_->Request(PTRACE_INTERRUPT, who_.inner_tid, 0, 0));
  }
  if (!leave_report_) {
    if (replaced_) static_cast<void>(tracer_->Take(who_.inner_tid));
    static_cast<void>(tracer_->Request(PTRACE_CONT, who_.inner_tid, 0, 0));
  }
  tracer_.reset();
}

}  // namespace moat::platform::seccomp_notify
