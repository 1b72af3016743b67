#include "sentry/task/task_cache.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sentry/task/task_table.h"

namespace moat::sentry {
namespace {

constexpr size_t kMaxKnown = 512;

bool IsGone(const KnownTask& task) {
  pollfd entry = {task.pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

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

Result<uint32_t> TaskCache::UmaskOf(const KnownTask& task) {
  {
    absl::MutexLock lock(&mutex_);
    if (!no_umask_is_stable_ && unstable_umask_.count(task.info.tgid) == 0) {
      return task.info.umask;
    }
  }
  TRY_ASSIGN(const TaskInfo fresh, TaskTable(proc_).Look(task.info.tid));
  return fresh.umask;
}

void TaskCache::Forget(pid_t tid) {
  absl::MutexLock lock(&mutex_);
  known_.erase(tid);
  ++changes_;
}

void TaskCache::ForgetGroup(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(known_, [tgid](const auto& entry) { return entry.second->info.tgid == tgid; });
  unstable_umask_.erase(tgid);
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

void TaskCache::FileContextIsShared() {
  absl::MutexLock lock(&mutex_);
  no_umask_is_stable_ = true;
}

std::shared_ptr<const KnownTask> TaskCache::Find(pid_t tid) {
  std::shared_ptr<const KnownTask> task;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = known_.find(tid);
    if (found == known_.end()) return nullptr;
    task = found->second;
  }
  if (!IsGone(*task)) return task;
  Forget(tid);
  return nullptr;
}

uint64_t TaskCache::Changes() {
  absl::MutexLock lock(&mutex_);
  return changes_;
}

void TaskCache::Remember(pid_t tid, std::shared_ptr<const KnownTask> task, uint64_t changes) {
  absl::MutexLock lock(&mutex_);
  if (changes != changes_) return;
  if (known_.size() >= kMaxKnown) DropDeadLocked();
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[tid] = std::move(task);
}

void TaskCache::DropDeadLocked() {
  std::erase_if(known_, [](const auto& entry) { return IsGone(*entry.second); });
}

}  // namespace moat::sentry
