#include "sentry/task/task_cache.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/pidfd.h"
#include "sentry/task/task_table.h"

namespace moat::sentry {
namespace {

constexpr size_t kMaxKnown = 512;
// After so many new tasks those that are gone are let go, with their working directories.
constexpr uint64_t kBetweenSweeps = 64;

}  // namespace

Result<std::shared_ptr<const KnownTask>> TaskCache::Get(pid_t tid) {
  if (auto known = Find(tid)) return known;
  const uint64_t changes = Changes();
  auto fresh = std::make_shared<KnownTask>();
  TRY_ASSIGN(fresh->pidfd, OpenThreadPidfd(tid));
  TRY_ASSIGN(fresh->info, TaskTable(proc_).Look(tid));
  Remember(tid, fresh, changes);
  return std::shared_ptr<const KnownTask>(std::move(fresh));
}

bool TaskCache::HasStableUmask(const KnownTask& task) {
  absl::MutexLock lock(&mutex_);
  return !no_umask_is_stable_ && unstable_umask_.count(task.info.tgid) == 0;
}

Result<uint32_t> TaskCache::UmaskOf(const KnownTask& task) {
  if (HasStableUmask(task)) return task.info.umask;
  TRY_ASSIGN(const TaskInfo fresh, TaskTable(proc_).Look(task.info.tid));
  return fresh.umask;
}

Result<std::shared_ptr<const CurrentDirectory>> TaskCache::WorkingDirectoryOf(
    const std::shared_ptr<const KnownTask>& task) {
  uint64_t changes = 0;
  {
    absl::MutexLock lock(&mutex_);
    changes = directory_changes_;
    const Record* record = RecordOfLocked(task);
    if (record != nullptr && record->directory && record->directory_changes == changes) {
      return record->directory;
    }
  }
  auto fresh = std::make_shared<CurrentDirectory>();
  TRY_ASSIGN(fresh->fd, TaskTable(proc_).OpenLink(task->info.tid, "cwd"));
  constexpr unsigned kMask = STATX_BASIC_STATS | gofer::kFileIdMask;
  if (::statx(fresh->fd.get(), "", AT_EMPTY_PATH, kMask, &fresh->identity) != 0) {
    return Errno::Last();
  }
  absl::MutexLock lock(&mutex_);
  Record* record = RecordOfLocked(task);
  const bool stable = !no_directory_is_stable_ && unstable_directory_.count(task->info.tgid) == 0;
  if (record != nullptr && stable && changes == directory_changes_) {
    record->directory = fresh;
    record->directory_changes = changes;
  }
  return std::shared_ptr<const CurrentDirectory>(std::move(fresh));
}

TaskCache::Record* TaskCache::RecordOfLocked(const std::shared_ptr<const KnownTask>& task) {
  const auto found = known_.find(task->info.tid);
  return found != known_.end() && found->second.task == task ? &found->second : nullptr;
}

void TaskCache::WorkingDirectoriesChange() {
  absl::MutexLock lock(&mutex_);
  ++directory_changes_;
}

void TaskCache::Forget(pid_t tid) {
  absl::MutexLock lock(&mutex_);
  known_.erase(tid);
  ++changes_;
}

void TaskCache::ForgetGroup(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(known_, [tgid](const auto& entry) { return entry.second.task->info.tgid == tgid; });
  unstable_umask_.erase(tgid);
  unstable_directory_.erase(tgid);
  ++changes_;
}

void TaskCache::UmaskChanges(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  if (unstable_umask_.size() >= kMaxKnown) {
    no_umask_is_stable_ = true;  // slower, and still right
    return;
  }
  unstable_umask_.insert(tgid);
}

void TaskCache::DirectoryChanges(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  ++directory_changes_;
  if (unstable_directory_.size() >= kMaxKnown) {
    no_directory_is_stable_ = true;
    return;
  }
  unstable_directory_.insert(tgid);
}

void TaskCache::FileContextIsShared() {
  absl::MutexLock lock(&mutex_);
  no_umask_is_stable_ = true;
  no_directory_is_stable_ = true;
  ++directory_changes_;
}

std::shared_ptr<const KnownTask> TaskCache::Recall(pid_t tid) {
  absl::MutexLock lock(&mutex_);
  const auto found = known_.find(tid);
  return found != known_.end() ? found->second.task : nullptr;
}

std::shared_ptr<const KnownTask> TaskCache::Find(pid_t tid) {
  std::shared_ptr<const KnownTask> task = Recall(tid);
  if (!task) return nullptr;
  if (!HasEnded(task->pidfd)) return task;
  Forget(tid);
  return nullptr;
}

uint64_t TaskCache::Changes() {
  absl::MutexLock lock(&mutex_);
  return changes_;
}

void TaskCache::Remember(pid_t tid, const std::shared_ptr<KnownTask>& task, uint64_t changes) {
  absl::MutexLock lock(&mutex_);
  if (changes != changes_) return;
  task->moment = ++moment_;
  if (known_.size() >= kMaxKnown || task->moment % kBetweenSweeps == 0) DropDeadLocked();
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[tid] = Record{task, nullptr, 0};
}

void TaskCache::DropDeadLocked() {
  std::erase_if(known_, [](const auto& entry) { return HasEnded(entry.second.task->pidfd); });
}

}  // namespace moat::sentry
