#include "sentry/exec/tracing.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sentry/container.h"
#include "sentry/fs/hand_over.h"

namespace moat::sentry {
namespace {

constexpr uint64_t kSuspendSeccomp = 1 << 21;  // PTRACE_O_SUSPEND_SECCOMP

// Makes the call in the caller's own context, until it fails for another reason than that a session
// holds the task at this moment. (One that may not be traced is so refused a little late.)
Outcome BeginTrace(Call& call) {
  constexpr int kAttempts = 100;
  constexpr timespec kPause = {0, 200'000};
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  for (int attempt = 1;; ++attempt) {
    const auto begun =
        session->Call(SYS_ptrace, {call.Arg(0), call.Arg(1), call.Arg(2), call.Arg(3)});
    if (begun.ok() || !(begun.error() == Errno(EPERM)) || attempt == kAttempts) {
      if (begun.ok() && call.container().doorbells) call.container().doorbells->CloseTraced();
      session->Finish(AsReturned(begun));
      return Finished();
    }
    ::nanosleep(&kPause, nullptr);
  }
}

}  // namespace

bool IsTracedAlone(Call& call) {
  if (!call.container().plans->root().uses_copies()) return false;
  const auto task = call.Task();
  return task.ok() && call.container().tasks->IsTraced(call.trap().tid) &&
         !call.container().tasks->SharesMemoryWithParent((*task)->tgid);
}

Outcome SysReachIntoTask(Call& call) {
  if (!call.container().runs_program()) return Errno(EPERM);
  return ContinueNative();
}

Outcome SysPtrace(Call& call) {
  if (!call.container().runs_program()) return Errno(EPERM);
  ExecPlans& plans = *call.container().plans;
  plans.root().UseCopies();
  // The filter compares all 64 bits of the request.
  if (call.Arg(0) == PTRACE_SEIZE && (call.Arg(3) & kSuspendSeccomp) != 0) return Errno(EPERM);
  if (call.Arg(0) != PTRACE_TRACEME) return BeginTrace(call);
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  DeferredTraces& deferred = plans.deferred_traces();
  if (deferred.IsDeferred(task->tgid)) return Errno(EPERM);  // it is traced, as far as it knows
  if (call.container().doorbells) call.container().doorbells->Close(task->tgid);
  if (!call.container().tasks->SharesMemoryWithParent(task->tgid)) return ContinueNative();
  TRY_ASSIGN(Fd pidfd, OpenThreadPidfd(task->tgid));
  if (!call.platform().StillWaits(call.trap())) return Finished();
  deferred.Defer(task->tgid, std::move(pidfd));
  return Value{0};
}

}  // namespace moat::sentry
