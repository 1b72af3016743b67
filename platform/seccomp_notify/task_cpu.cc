#include "platform/seccomp_notify/task_cpu.h"

#include <unistd.h>

#include <cstring>

namespace moat::platform::seccomp_notify {

namespace {

cpu_set_t Only(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return one;
}

}  // namespace

void TaskCpu::Hold(pid_t tid) {
  if (before_) return;
  cpu_set_t cpus;
  if (::sched_getaffinity(tid, sizeof(cpus), &cpus) < 0) return;
  const int here = ::sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE || !CPU_ISSET(here, &cpus)) return;
  const cpu_set_t one = Only(here);
  if (::sched_setaffinity(tid, sizeof(one), &one) == 0) before_ = cpus;
}

void TaskCpu::Release(pid_t tid) {
  if (before_) ::sched_setaffinity(tid, sizeof(*before_), &*before_);
  before_.reset();
}

OwnCpu::OwnCpu() {
  (void)Usual();  // before anything is narrowed
  const int here = ::sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE) return;
  const cpu_set_t one = Only(here);
  (void)::sched_setaffinity(0, sizeof(one), &one);
}

OwnCpu::~OwnCpu() { Free(); }

void OwnCpu::Free() { (void)::sched_setaffinity(0, sizeof(Usual()), &Usual()); }

const cpu_set_t& OwnCpu::Usual() {
  // Of the process's first thread, which nobody holds.
  static const cpu_set_t cpus = [] {
    cpu_set_t all;
    // More CPUs than the set has room for (EINVAL): all that it can name.
    if (::sched_getaffinity(::getpid(), sizeof(all), &all) < 0)
      std::memset(&all, 0xff, sizeof(all));
    return all;
  }();
  return cpus;
}

OwnStay::OwnStay() { OwnCpu::Free(); }

OwnStay& OwnStay::OfThread() {
  static thread_local OwnStay stay;
  return stay;
}

void OwnStay::Begin(pid_t tid) {
  if (!cpu_) cpu_.emplace();
  tid_ = tid;
  idle_ = strangers_ = 0;
}

void OwnStay::Note(pid_t tid) {
  constexpr int kMostIdle = 8, kMostStrangers = 1;
  if (!cpu_) return;
  if (tid != tid_) ++strangers_;
  if (++idle_ > kMostIdle || strangers_ > kMostStrangers) End();
}

}  // namespace moat::platform::seccomp_notify
