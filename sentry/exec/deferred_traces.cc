#include "sentry/exec/deferred_traces.h"

#include <poll.h>

#include <utility>

namespace moat::sentry {
namespace {

bool HasEnded(const Fd& pidfd) {
  pollfd entry = {pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

}  // namespace

void DeferredTraces::Defer(pid_t tgid, Fd pidfd) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(waiting_, [](const auto& entry) { return HasEnded(entry.second); });
  waiting_.insert_or_assign(tgid, std::move(pidfd));
}

bool DeferredTraces::IsDeferred(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  const auto found = waiting_.find(tgid);
  return found != waiting_.end() && !HasEnded(found->second);
}

void DeferredTraces::Drop(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(tgid);
}

}  // namespace moat::sentry
