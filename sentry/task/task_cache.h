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
//   off remembering umasks and directories for good.
// * The working directory belongs to them, too. chdir(2) runs in a session, which says when it has
//   changed: all are looked up again then. fchdir(2) is noted and goes on natively; the directory
//   of a thread group that has called it is looked up each time, until its next exec.
// * A number that is used again for another task is noticed by the pidfd of the first, which is
// readable once that thread is gone.
#ifndef MOAT_SENTRY_TASK_TASK_CACHE_H_
#define MOAT_SENTRY_TASK_TASK_CACHE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
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
  uint64_t moment = 0;  // TaskCache::Moment from which on it is remembered; 0: it is not
};

struct CurrentDirectory {
  Fd fd;  // O_PATH
  // What tells it from all others: device, inode, gofer::kFileIdMask. The rest may be out of date.
  struct statx identity {};
};

// Thread-safe.
class TaskCache {
 public:
  // `proc` is P_A's procfs (directory), borrowed.
  explicit TaskCache(int proc) : proc_(proc) {}

  // The task that made a trap which is still waiting (the caller asks Platform::StillWaits before
  // it acts on the answer). ESRCH when it is gone.
  Result<std::shared_ptr<const KnownTask>> Get(pid_t tid);
  // What is remembered of a task that has not ended, as the caller knows or finds out; null:
  // nothing.
  std::shared_ptr<const KnownTask> Recall(pid_t tid);
  // Grows with each task that is remembered.
  uint64_t Moment() const { return moment_.load(); }
  // Whether `task.info.umask` is the umask as it is now.
  bool HasStableUmask(const KnownTask& task);
  // The umask as it is now.
  Result<uint32_t> UmaskOf(const KnownTask& task);

  // `task` as Get gave it, for the same trap. ESRCH, EACCES.
  Result<std::shared_ptr<const CurrentDirectory>> WorkingDirectoryOf(
      const std::shared_ptr<const KnownTask>& task);

  // The thread is about to change its credentials.
  void Forget(pid_t tid);
  // The thread group has executed a program.
  void ForgetGroup(pid_t tgid);
  // The thread group is about to change its umask.
  void UmaskChanges(pid_t tgid);
  // Some thread has changed its working directory, and is still held in its session.
  void WorkingDirectoriesChange();
  // The thread group is about to change its working directory.
  void DirectoryChanges(pid_t tgid);
  // Some process is about to share its file system context with another.
  void FileContextIsShared();

 private:
  struct Record {
    std::shared_ptr<const KnownTask> task;
    std::shared_ptr<const CurrentDirectory> directory;  // null: not looked up
    uint64_t directory_changes = 0;                     // when it was
  };

  // What is remembered of a task that has had this number since then; null: nothing.
  std::shared_ptr<const KnownTask> Find(pid_t tid);
  // Null when it has changed hands or is gone.
  Record* RecordOfLocked(const std::shared_ptr<const KnownTask>& task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Changes();
  // Does nothing when something was forgotten since `changes` was read: the task may have been
  // looked at before an exec.
  void Remember(pid_t tid, const std::shared_ptr<KnownTask>& task, uint64_t changes);
  void DropDeadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int proc_;
  absl::Mutex mutex_;
  std::map<pid_t, Record> known_ ABSL_GUARDED_BY(mutex_);
  std::set<pid_t> unstable_umask_ ABSL_GUARDED_BY(mutex_);
  bool no_umask_is_stable_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<pid_t> unstable_directory_ ABSL_GUARDED_BY(mutex_);
  bool no_directory_is_stable_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<uint64_t> moment_ = 0;  // written with the lock
  uint64_t directory_changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_TASK_CACHE_H_
