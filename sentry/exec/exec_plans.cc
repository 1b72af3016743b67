#include <signal.h>

#include <cerrno>
#include <utility>

#include "sentry/exec/exec.h"

namespace moat::sentry {
namespace {

// Beyond this many entries the dead ones are looked for: a process that was killed between its exec
// and its stub's call leaves one.
constexpr size_t kManyPlans = 256;

bool IsGone(pid_t tgid) { return ::kill(tgid, 0) < 0 && errno == ESRCH; }

}  // namespace

void ExecPlans::Arm(pid_t tgid, ExecPlan plan) {
  absl::MutexLock lock(&mutex_);
  if (armed_.size() + scripts_.size() > kManyPlans) DropDeadLocked();
  armed_[tgid] = std::move(plan);
  scripts_.erase(tgid);
}

std::optional<ExecPlan> ExecPlans::Take(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  auto node = armed_.extract(tgid);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void ExecPlans::RememberScript(pid_t tgid, ExecPlan plan) {
  absl::MutexLock lock(&mutex_);
  scripts_[tgid] = std::move(plan);
}

std::optional<ExecPlan> ExecPlans::TakeScript(pid_t tgid) {
  absl::MutexLock lock(&mutex_);
  auto node = scripts_.extract(tgid);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void ExecPlans::DropDeadLocked() {
  std::erase_if(armed_, [](const auto& entry) { return IsGone(entry.first); });
  std::erase_if(scripts_, [](const auto& entry) { return IsGone(entry.first); });
}

}  // namespace moat::sentry
