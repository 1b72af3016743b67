#include "base/thread_cpu.h"

namespace moat {

ThreadCpu::ThreadCpu() {
  CPU_ZERO(&allowed_);
  ::sched_getaffinity(0, sizeof(allowed_), &allowed_);
}

void ThreadCpu::Hold(int cpu) {
  if (cpu == held_ || cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed_)) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (::sched_setaffinity(0, sizeof(one), &one) == 0) held_ = cpu;
}

void ThreadCpu::Release() {
  if (held_ < 0) return;
  ::sched_setaffinity(0, sizeof(allowed_), &allowed_);
  held_ = -1;
}

void HandOverPolitely() {
  const sched_param parameters = {};
  ::sched_setscheduler(0, SCHED_BATCH, &parameters);
}

}  // namespace moat
