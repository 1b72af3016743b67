#include "platform/seccomp_notify/task_cpu.h"

#include "base/thread_cpu.h"

namespace moat::platform::seccomp_notify {

void TaskCpu::Hold(pid_t tid) {
  cpu_set_t cpus;
  if (::sched_getaffinity(tid, sizeof(cpus), &cpus) < 0) return;
  const int here = ThreadCpu::Current();
  if (here < 0 || here >= CPU_SETSIZE || !CPU_ISSET(here, &cpus)) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(here, &one);
  if (::sched_setaffinity(tid, sizeof(one), &one) == 0) before_ = cpus;
}

void TaskCpu::Release(pid_t tid) {
  if (before_) ::sched_setaffinity(tid, sizeof(*before_), &*before_);
  before_.reset();
}

}  // namespace moat::platform::seccomp_notify
