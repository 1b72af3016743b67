// Keeps a thread on one CPU for a moment, so that threads that hand work to each other don't wake
// each other across CPUs.
//
// A wake-up of an idle CPU costs 50 us and more on a virtual machine, a switch on the same CPU 2 us
// (docs/adr/002-gofer-channel.md). The scheduler prefers the idle CPU; an affinity of one CPU
// leaves it no choice (sched_setaffinity(2)).
#ifndef MOAT_BASE_THREAD_CPU_H_
#define MOAT_BASE_THREAD_CPU_H_

#include <sched.h>

namespace moat {

// Used only by the thread that made it. Failures are ignored: the thread then runs where it may.
class ThreadCpu {
 public:
  // Reads the CPUs that the calling thread may run on.
  ThreadCpu();

  // Restricts the thread to `cpu`; does nothing when it already is, or when `cpu` is none of the
  // CPUs it may run on.
  void Hold(int cpu);
  // Lets it run everywhere again.
  void Release();

  // Where the calling thread runs now.
  static int Current() { return ::sched_getcpu(); }

 private:
  cpu_set_t allowed_;
  int held_ = -1;
};

// Makes the calling thread finish what it does before those that it wakes run on its CPU: it does
// not preempt others when it is woken (SCHED_BATCH, sched(7)). For threads that answer each other
// in turn, where whoever wakes the other is about to wait anyway.
void HandOverPolitely();

}  // namespace moat

#endif  // MOAT_BASE_THREAD_CPU_H_
