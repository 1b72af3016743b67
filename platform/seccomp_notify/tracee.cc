#include "platform/seccomp_notify/tracee.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/synchronization/mutex.h"
#include "platform/seccomp_notify/tracer.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint64_t SignalBit(int signal) { return uint64_t{1} << (signal - 1); }

// A tracer that dies in the middle leaves a task with foreign registers: kill it rather.
constexpr long kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

// ptrace(2) takes numbers in its pointer arguments.
long Ptrace(__ptrace_request request, pid_t tid, long address, void* data) {
  return ::ptrace(request, tid, address, data);
}
long PtraceNumber(__ptrace_request request, pid_t tid, long data) {
  return ::ptrace(request, tid, 0L, data);
}

int Event(int status) { return status >> 16; }

// Held, shared, from the moment a thread seizes a task until it has asked it to stop.
ABSL_CONST_INIT absl::Mutex seizing(absl::kConstInit);

}  // namespace

void Tracee::AwaitRequests() { absl::MutexLock all(&seizing); }

Result<Tracee> Tracee::Stop(pid_t tid, TaskCpu& cpu, absl::FunctionRef<Result<void>()> answer) {
  Tracee tracee;
  bool asked;
  {
    absl::ReaderMutexLock one(&seizing);
    if (PtraceNumber(PTRACE_SEIZE, tid, kOptions) < 0) return Errno::Last();
    tracee.tid_ = tid;
    asked = PtraceNumber(PTRACE_INTERRUPT, tid, 0) == 0;
  }
  if (!asked) return tracee.Reap();
  // It sleeps in its trap still. From here on each of us wakes the other.
  OwnStay::OfThread().Begin(tid);
  tracee.cpu_ = std::exchange(cpu, TaskCpu());
  tracee.cpu_.Hold(tid);
  const bool answered = answer().ok();
  // Whatever makes it stop - our request, or a group-stop that had been asked for before - it then
  // stands at the door to user mode with the answer in its registers.
  if (!tracee.Wait().ok()) return Errno(ESRCH);
  if (!answered) return Errno(ESRCH);
  return tracee;
}

Tracee::Tracee(Tracee&& other) noexcept
    : tid_(std::exchange(other.tid_, -1)),
      old_mask_(std::exchange(other.old_mask_, std::nullopt)),
      cpu_(std::exchange(other.cpu_, TaskCpu())),
      step_from_(other.step_from_),
      owes_sigtrap_(std::exchange(other.owes_sigtrap_, false)) {}

Result<user_regs_struct> Tracee::Registers() {
  if (tid_ < 0) return Errno(ESRCH);
  user_regs_struct registers;
  if (Ptrace(PTRACE_GETREGS, tid_, 0, &registers) < 0) return Reap();
  return registers;
}

Result<void> Tracee::SetRegisters(const user_regs_struct& registers) {
  if (tid_ < 0) return Errno(ESRCH);
  user_regs_struct copy = registers;
  if (Ptrace(PTRACE_SETREGS, tid_, 0, &copy) < 0) return Reap();
  step_from_ = registers.rip;
  return Unit();
}

Result<void> Tracee::BlockSignals() {
  if (old_mask_) return Unit();
  uint64_t mask = 0;
  if (Ptrace(PTRACE_GETSIGMASK, tid_, sizeof(mask), &mask) < 0) return Reap();
  uint64_t all = ~SignalBit(SIGTRAP);
  if (Ptrace(PTRACE_SETSIGMASK, tid_, sizeof(all), &all) < 0) return Reap();
  old_mask_ = mask;
  return Unit();
}

bool Tracee::ShouldRunOn() const {
  const auto state = WhoTraces(tid_);
  return !state.ok() || (state->pending & ~old_mask_.value_or(0)) != 0;
}

Result<Tracee::StepEnd> Tracee::Step() {
  if (tid_ < 0) return Errno(ESRCH);
  TRY(BlockSignals());
  int deliver = 0;
  for (;;) {
    if (PtraceNumber(PTRACE_SINGLESTEP, tid_, deliver) < 0) return Reap();
    TRY_ASSIGN(const int status, Wait());
    deliver = 0;
    if (Event(status) == PTRACE_EVENT_EXEC) return StepEnd::kReplaced;
    // A group-stop, or its end. The step goes on; detaching puts the task back into it.
    if (Event(status) == PTRACE_EVENT_STOP) continue;
    if (WSTOPSIG(status) == SIGTRAP) {
      TRY_ASSIGN(const bool stepped, HasStepped());
      if (stepped) return StepEnd::kStepped;
    } else {
      deliver = WSTOPSIG(status);  // SIGSTOP can't be blocked; a fault is forced on the task
    }
  }
}

Result<bool> Tracee::HasStepped() {
  siginfo_t info;
  if (Ptrace(PTRACE_GETSIGINFO, tid_, 0, &info) < 0) return Reap();
  if (info.si_code > 0) return true;  // the kernel's own
  owes_sigtrap_ = true;
  // One that was sent before the step; or during it, and then the kernel has dropped its own,
  // because a task has room for one SIGTRAP.
  TRY_ASSIGN(const user_regs_struct now, Registers());
  return now.rip != step_from_;
}

Result<int> Tracee::Wait() {
  for (;;) {
    int status = 0;
    // Not for tid_: an exec of another thread than the leader reports under the leader's number.
    const pid_t reported = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (reported < 0 && errno == EINTR) continue;
    if (reported >= 0 && WIFSTOPPED(status)) {
      tid_ = reported;
      return status;
    }
    if (reported >= 0 && reported != tid_ && StillOurs()) continue;  // an orphan that we inherited
    // Dead and reaped; or (ECHILD) the leader, which an exec of another thread took away.
    tid_ = -1;
    return Errno(ESRCH);
  }
}

bool Tracee::StillOurs() const {
  siginfo_t info;
  return ::waitid(P_PID, static_cast<id_t>(tid_), &info,
                  WNOHANG | WNOWAIT | WEXITED | WSTOPPED | __WALL | __WNOTHREAD) == 0;
}

Errno Tracee::Reap() {
  while (tid_ >= 0 && Wait().ok()) {
    cpu_.Release(tid_);
    if (PtraceNumber(PTRACE_DETACH, tid_, 0) == 0) tid_ = -1;  // a stop, so it lives after all
  }
  return Errno(ESRCH);
}

void Tracee::ReleaseUntilTrap(TaskHolds& holds) {
  if (tid_ >= 0) holds.Keep(tid_, std::exchange(cpu_, TaskCpu()));
  Let();
}

void Tracee::Let() {
  if (tid_ < 0) return;
  cpu_.Release(tid_);
  if (old_mask_ && Ptrace(PTRACE_SETSIGMASK, tid_, sizeof(*old_mask_), &*old_mask_) < 0) {
    Reap();
    return;
  }
  if (PtraceNumber(PTRACE_DETACH, tid_, 0) < 0) {
    Reap();
    return;
  }
  const pid_t released = std::exchange(tid_, -1);
  if (owes_sigtrap_) ::syscall(SYS_tkill, released, SIGTRAP);
}

}  // namespace moat::platform::seccomp_notify
