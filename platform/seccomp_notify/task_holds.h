// Tasks that stay on the CPU where a session left them until their next trap.
//
// ptrace(2) wakes a task that it lets go wherever the scheduler likes, and on a machine that idles
// that is another CPU, which costs 40 us and more. A task whose affinity is narrow then would stay,
// but as soon as it runs the program could look at its affinity, or change it. There is one case in
// which it runs nothing of the program: after an exec the stub makes a trap with its first
// instructions. By then it has come here again, and sleeps: the affinity is given back, unseen.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_HOLDS_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_HOLDS_H_

#include <sys/types.h>

#include <atomic>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "platform/seccomp_notify/task_cpu.h"

namespace moat::platform::seccomp_notify {

// Thread-safe.
class TaskHolds {
 public:
  // `tid` stands still and is held by `cpu`; it is to be let go right afterwards.
  void Keep(pid_t tid, TaskCpu cpu);
  // `tid` sleeps in a trap.
  void Release(pid_t tid);

 private:
  struct Hold {
    Fd pidfd;  // so that another task with the number is not taken for this one
    TaskCpu cpu;
  };

  void DropDeadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<bool> any_{false};
  absl::Mutex mutex_;
  std::map<pid_t, Hold> holds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TASK_HOLDS_H_
