#include "platform/seccomp_notify/task_holds.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace moat::platform::seccomp_notify {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9
// A task that is killed before its trap leaves its entry behind.
constexpr size_t kManyHolds = 64;

bool IsGone(const Fd& pidfd) {
  pollfd entry = {pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

}  // namespace

void TaskHolds::Keep(pid_t tid, TaskCpu cpu) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, tid, kPidfdThread)));
  if (!pidfd) return cpu.Release(tid);
  absl::MutexLock lock(&mutex_);
  if (holds_.size() >= kManyHolds) DropDeadLocked();
  holds_[tid] = Hold{std::move(pidfd), std::move(cpu)};
  any_.store(true);
}

void TaskHolds::Release(pid_t tid) {
  if (!any_.load()) return;
  absl::MutexLock lock(&mutex_);
  const auto found = holds_.find(tid);
  if (found == holds_.end()) return;
  if (!IsGone(found->second.pidfd)) found->second.cpu.Release(tid);
  holds_.erase(found);
  any_.store(!holds_.empty());
}

void TaskHolds::DropDeadLocked() {
  std::erase_if(holds_, [](const auto& hold) { return IsGone(hold.second.pidfd); });
}

}  // namespace moat::platform::seccomp_notify
