// Remembers what /proc/TID/status said, because reading it costs more than all the rest of a path
// call (24 us here against 1 us for a hit). Exact, not a guess:
//
// * Credentials change only by calls that the filter notifies (setuid(2) and its family, setgroups,
// capset), whose handlers call Forget before they
//   let the call go on, and by exec, after which ForgetGroup is called. They are the calling
//   thread's own, and a thread can't make its next mediated call before the one that changes them
//   is over; so what is read then is read afterwards.
// * The umask belongs to all who share a file system context. Threads do; a thread group that
// called umask(2) has its umask read each time it
//   is needed, until its next exec. clone(CLONE_FS) without CLONE_THREAD is notified too, and turns
//   off remembering umasks for good.
// * A number that is used again for another task is noticed by the pidfd of the first, which is
// readable once that thread is gone.
#ifndef MOAT_SENTRY_TASK_TASK_CACHE_H_
#define MOAT_SENTRY_TASK_TASK_CACHE_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

// One remembered task. `info.umask` may be out of date; see TaskCache::UmaskOf.
struct KnownTask {
  Fd pidfd;  // of the thread (PIDFD_THREAD)
  TaskInfo info;
};

// Thread-safe.
class TaskCache {
 public:
  // `proc` is P_A's procfs (directory), borrowed.
  explicit TaskCache(int proc) : proc_(proc) {}

  // The task that made a trap which is still waiting (the caller asks Platform::StillWaits before
  // it acts on the answer). ESRCH when it is gone.
  Result<std::shared_ptr<const KnownTask>> Get(pid_t tid);
  // The umask as it is now.
  Result<uint32_t> UmaskOf(const KnownTask& task);

  // The thread is about to change its credentials.
  void Forget(pid_t tid);
  // The thread group has executed a program.
  void ForgetGroup(pid_t tgid);
  // The thread group is about to change its umask.
  void UmaskChanges(pid_t tgid);
  // Some process is about to share its file system context with another.
  void FileContextIsShared();

 private:
  std::shared_ptr<const KnownTask> Find(pid_t tid);
  uint64_t Changes();
  // Does nothing when something was forgotten since `changes` was read: the task may have been
  // looked at before an exec.
  void Remember(pid_t tid, std::shared_ptr<const KnownTask> task, uint64_t changes);
  void DropDeadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int proc_;
  absl::Mutex mutex_;
  std::map<pid_t, std::shared_ptr<const KnownTask>> known_ ABSL_GUARDED_BY(mutex_);
  std::set<pid_t> unstable_umask_ ABSL_GUARDED_BY(mutex_);
  bool no_umask_is_stable_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_TASK_CACHE_H_
