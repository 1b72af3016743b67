// Keeps a task that sleeps in its trap, and the thread that acts on it, on that thread's CPU, for a
// moment in which the two wake each other.
//
// ptrace and ADDFD wake the task, and the task wakes us, wherever the scheduler likes; a wake-up of
// another CPU costs more than what it is made for (an ADDFD 70 us and more instead of 20 on a
// virtual machine).
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_CPU_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_CPU_H_

#include <sched.h>
#include <sys/types.h>

#include <optional>

namespace moat::platform::seccomp_notify {

// The task must not run on its own before Release, or it could change its affinity in that time and
// have the change undone. One that another task makes is lost. A task that may not run here, or any
// failure: nothing happens, everything is only slower.
class TaskCpu {
 public:
  // One that is held already stays where it is.
  void Hold(pid_t tid);
  // `tid`: the number that the task has now (an exec may change it).
  void Release(pid_t tid);

 private:
  std::optional<cpu_set_t> before_;  // set while the task is held
};

// The calling thread, which then is as free again as the process's first one, which must never be
// held.
class OwnCpu {
 public:
  OwnCpu();
  ~OwnCpu();
  OwnCpu(const OwnCpu&) = delete;
  OwnCpu& operator=(const OwnCpu&) = delete;

  // As the destructor does.
  static void Free();

 private:
  static const cpu_set_t& Usual();
};

// The calling thread, for longer: to be held and freed costs it 4 us, and a program that opens one
// file opens another. It stays from one hand-over or session to the next as long as the same task
// keeps coming to it, or another one comes for its first (a child that executes a program); one
// that stayed where it is not needed would draw tasks from other CPUs to its own.
class OwnStay {
 public:
  static OwnStay& OfThread();

  // `tid` is given something, or entered.
  void Begin(pid_t tid);
  // `tid` has come.
  void Note(pid_t tid);
  void End() { cpu_.reset(); }

 private:
  // The thread may have been started by one that was held.
  OwnStay();

  std::optional<OwnCpu> cpu_;
  pid_t tid_ = 0;
  int idle_ = 0;       // traps since the last hand-over
  int strangers_ = 0;  // of them, those of other tasks
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_CPU_H_
