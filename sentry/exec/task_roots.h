// The roots of tasks that did chroot(2).
//
// No task's root is a directory of the container: it is always one of the stub's tmpfs
// (stub_root.h). So a chroot makes an empty directory there, the *marker*, and lets it be the
// task's root. The kernel then does with it what it does with any root: children inherit it,
// CLONE_FS shares it, exec keeps it. What directory of the container a marker stands for is known
// here.
//
// A task can only be sent to a marker below its present root, since chroot(2) takes a path. So
// markers nest: that of a chroot within a chroot lies in the first one's directory.
#ifndef MOAT_SENTRY_EXEC_TASK_ROOTS_H_
#define MOAT_SENTRY_EXEC_TASK_ROOTS_H_

#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/exec/stub_root.h"
#include "sentry/task/task_table.h"

namespace moat::sentry {

// Thread-safe.
class TaskRoots {
 public:
  // `stub` and `tasks` are borrowed. `proc` is P_A's procfs (directory), borrowed.
  TaskRoots(StubRoot& stub, const TaskTable& tasks, int proc)
      : stub_(stub), tasks_(tasks), proc_(proc) {}

  // The task's root as a directory of the container; an empty Fd for the container's own root.
  // EACCES when the task has got itself a root that is none of ours. Costs nothing until the first
  // chroot.
  Result<Fd> Of(pid_t tid);
  // The same for what a task's /proc/PID/root leads to.
  Result<Fd> Behind(const struct stat& root);

  // Puts something where the kernel will look for the ELF interpreter of a program that the task
  // executes. Result and arguments as StubRoot::Provide.
  Result<bool> Provide(pid_t tid, absl::string_view interpreter, const Fd& file, bool secret);

  // A marker for `target` (an O_PATH directory of the container; `is_top`: its root) that the task
  // can go to. It is not removed while `use` lives.
  struct Destination {
    std::string path;  // for chroot(2), absolute
    std::shared_ptr<void> use;
  };
  // ENOMEM when there are too many, or one lies too deep.
  Result<Destination> MarkerFor(pid_t tid, Fd target, bool is_top);

 private:
  struct Place {  // of a directory: its identity in one mount
    uint64_t inode = 0, mount = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Marker {
    std::string path;  // relative to the tmpfs
    Fd target;
    Place place;
    bool is_top = false;
    uint64_t parent = 0;  // 0: the tmpfs itself
    int depth = 1;
    std::shared_ptr<void> use = std::make_shared<int>();
  };
  using Markers = std::map<uint64_t, Marker>;  // by inode on the tmpfs

  static Result<Place> PlaceOf(const Fd& directory);
  // The inode of the task's root; 0 for the tmpfs itself. EACCES as Of says.
  Result<uint64_t> NumberOf(pid_t tid);
  Result<uint64_t> NumberLocked(const struct stat& root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<Destination> AddLocked(uint64_t parent, Fd target, Place place, bool is_top)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes markers that are no task's root.
  void CollectLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::set<uint64_t> RootsInUse() const;

  StubRoot& stub_;
  const TaskTable& tasks_;
  const int proc_;
  std::atomic<bool> used_ = false;
  absl::Mutex mutex_;
  Markers markers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_name_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_TASK_ROOTS_H_
