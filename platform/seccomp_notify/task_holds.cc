#include "platform/seccomp_notify/task_holds.h"

#include <utility>

#include "base/pidfd.h"

namespace moat::platform::seccomp_notify {
namespace {

// A task that is killed before its trap leaves its entry behind.
constexpr size_t kManyHolds = 64;

}  // namespace

void TaskHolds::Keep(pid_t tid, TaskCpu cpu) {
  auto pidfd = OpenThreadPidfd(tid);
  if (!pidfd.ok()) return cpu.Release(tid);
  absl::MutexLock lock(&mutex_);
  if (holds_.size() >= kManyHolds) DropDeadLocked();
  holds_[tid] = Hold{*std::move(pidfd), cpu};
  any_.store(true);
}

void TaskHolds::Release(pid_t tid) {
  if (!any_.load()) return;
  absl::MutexLock lock(&mutex_);
  const auto found = holds_.find(tid);
  if (found == holds_.end()) return;
  if (!HasEnded(found->second.pidfd)) found->second.cpu.Release(tid);
  holds_.erase(found);
  any_.store(!holds_.empty());
}

void TaskHolds::DropDeadLocked() {
  std::erase_if(holds_, [](const auto& hold) { return HasEnded(hold.second.pidfd); });
}

}  // namespace moat::platform::seccomp_notify
