// ptrace(2) and what else reaches into another task (process_vm_readv(2), pidfd_getfd(2)): the
// kernel does it, with its own checks, between tasks of the container. What moat has to know is
// when it begins. See docs/adr/010-ptrace.md.
#ifndef MOAT_SENTRY_EXEC_TRACING_H_
#define MOAT_SENTRY_EXEC_TRACING_H_

#include "sentry/call.h"

namespace moat::sentry {

// Whether another program of the container traces the caller, and it has its memory for itself.
bool IsTracedAlone(Call& call);

// The requests that begin a trace; the filter lets the others through.
Outcome SysPtrace(Call& call);
// EPERM before the container's program runs: until then its init is a part of moat.
Outcome SysReachIntoTask(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_TRACING_H_
