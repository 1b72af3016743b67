// PTRACE_TRACEME of a process that shares its memory with a sleeping parent.
#ifndef MOAT_SENTRY_EXEC_DEFERRED_TRACES_H_
#define MOAT_SENTRY_EXEC_DEFERRED_TRACES_H_

#include <sys/types.h>

#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"

namespace moat::sentry {

// Processes that asked to be traced by a parent which sleeps in vfork(2) until they execute a
// program. Their exec is done by a session, for which nobody else may trace them; and the tracer
// could not be borrowed (platform/seccomp_notify/tracer.h), for nothing wakes it. So the kernel
// hears of it from the new program, before its first instruction: the parent, which sleeps, can't
// tell. Thread-safe.
class DeferredTraces {
 public:
  // `pidfd`: of the process.
  void Defer(pid_t tgid, Fd pidfd);
  bool IsDeferred(pid_t tgid);
  void Drop(pid_t tgid);

 private:
  absl::Mutex mutex_;
  std::map<pid_t, Fd> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_DEFERRED_TRACES_H_
