// The program inside the container that traces another one (strace, gdb), made to act on its tracee
// for us.
//
// A task has one tracer. When the workload has taken that place, the only way to a session with the
// task leads through its tracer: the tracer is stopped wherever it is, as any task may be
// (ptrace(2), PTRACE_INTERRUPT), makes ptrace(2) and waitid(2) calls that we choose, at the
// `syscall` instruction of its vdso, and is let go as it was: a call that it waited in is restarted
// by the kernel as after any stop. See docs/adr/010-ptrace.md.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TRACER_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TRACER_H_

#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "platform/seccomp_notify/injected_calls.h"
#include "platform/seccomp_notify/tracee.h"

namespace moat::platform::seccomp_notify {

// Who traces the task, and its number where both live (the innermost pid namespace).
struct TracedBy {
  pid_t tracer = 0;  // 0: nobody
  pid_t inner_tid = 0, inner_tgid = 0;
  pid_t tgid = 0;
  uint64_t pending = 0;  // signals that wait for it, by bit
};
// ESRCH: the task is gone.
Result<TracedBy> WhoTraces(pid_t tid);
// Whether it is a thread of this process.
bool IsOwnThread(pid_t tid);

// Belongs to the thread that made it, as Tracee does. Everything that goes through the tracer's
// memory may be altered there by its other threads: the harm is theirs and the tracee's.
class Tracer {
 public:
  // Stops `tracer`. EPERM: it is traced itself, or has no vdso. ESRCH: it is gone.
  static Result<std::unique_ptr<Tracer>> Borrow(pid_t tracer, uint64_t cookie);
  ~Tracer();

  // The reports of the tracee as waitid(2) gives them.
  struct Report {
    int code = 0;    // CLD_TRAPPED, ...; 0: none
    int status = 0;  // of CLD_TRAPPED: signal | event << 8
  };
  // Looks at the next report and leaves it there, or takes it.
  Result<Report> Peek(pid_t inner_tid);
  Result<void> Take(pid_t inner_tid);

  Result<void> Request(int request, pid_t inner_tid, uint64_t address, uint64_t data);
  Result<user_regs_struct> Registers(pid_t inner_tid);
  Result<void> SetRegisters(pid_t inner_tid, const user_regs_struct& registers);
  Result<uint64_t> SignalMask(pid_t inner_tid);
  Result<void> SetSignalMask(pid_t inner_tid, uint64_t mask);
  Result<int> SignalCode(pid_t inner_tid);  // si_code of what it stopped for
  // As if the tracer sent it.
  void SendSignal(pid_t inner_tgid, pid_t inner_tid, int signal);

 private:
  Tracer(Tracee tracee, const user_regs_struct& before, const user_regs_struct& at_vdso,
         uint64_t cookie)
      : tracee_(std::move(tracee)), before_(before), calls_(tracee_, at_vdso, cookie) {}

  Result<void> WaitId(pid_t inner_tid, int options);
  template <typename T>
  Result<T> Load(uint64_t offset);
  template <typename T>
  Result<void> Store(uint64_t offset, const T& object);

  Tracee tracee_;
  const user_regs_struct before_;
  InjectedCalls calls_;
  GuestAddr scratch_;  // a page of the tracer's
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TRACER_H_
