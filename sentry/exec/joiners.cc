#include "sentry/exec/joiners.h"

#include <utility>

namespace moat::sentry {

void Joiners::Add(pid_t tgid, Joiner joiner) {
  absl::MutexLock lock(&mutex_);
  joiners_[tgid] = std::move(joiner);
}

std::optional<std::vector<std::string>> Joiners::TakeStrings(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  const auto found = joiners_.find(tgid);
  if (found == joiners_.end() || found->second.strings.empty()) return std::nullopt;
  return std::exchange(found->second.strings, {});
}

bool Joiners::Executed(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  const auto node = joiners_.extract(tgid);
  if (node.empty()) return false;
  node.mapped().executed();
  return true;
}

bool Joiners::Failed(pid_t tgid, loader::JoinStep step, int error) {
  absl::MutexLock lock(&mutex_);
  const auto node = joiners_.extract(tgid);
  if (node.empty()) return false;
  node.mapped().failed(step, error);
  return true;
}

void Joiners::Drop(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  joiners_.erase(tgid);
}

}  // namespace moat::sentry
