// The doorbells of the container's processes: see sentry/doorbell/doorman.h.
#ifndef MOAT_SENTRY_DOORBELL_DOORBELLS_H_
#define MOAT_SENTRY_DOORBELL_DOORBELLS_H_

#include <sys/types.h>

#include <memory>

#include "sentry/call.h"
#include "sentry/proc/cpu_limits.h"

namespace moat::sentry {

// Thread-safe.
class Doorbells {
 public:
  virtual ~Doorbells() = default;

  // Told of each trap and what it is to be answered with. True: it has been answered here.
  virtual bool Note(Call& call, const Outcome& outcome) = 0;
  // From now on the process makes all its calls by traps: it is about to have a tracer or a filter
  // of its own, which a doorbell would go past. None of its calls is being answered any more.
  virtual void Close(pid_t tgid) = 0;
  // The same for all that have a tracer now.
  virtual void CloseTraced() = 0;
  // The process has executed a program: its memory is another one.
  virtual void Forget(pid_t tgid) = 0;
};

// `container` outlives it. Lives until the process ends. `filters`: how many seccomp filters a task
// of the container has that has added none itself. `limits`: nothing is answered while they leave
// the container less than two CPUs.
std::unique_ptr<Doorbells> MakeDoorbells(Container& container, int filters,
                                         const CpuLimits& limits);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_DOORBELLS_H_
