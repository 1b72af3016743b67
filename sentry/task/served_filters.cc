#include "sentry/task/served_filters.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/memory/memory.h"
#include "base/status.h"

namespace moat::sentry {
namespace {

// Each takes two channels of the gofer's and two threads of either; far below what those allow.
constexpr size_t kMaxFilters = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<ServedFilters>> ServedFilters::Create(
    Container& container, std::function<void(const std::string& why)> on_fault) {
  Fd ended_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ended_fd) return ErrnoStatus(errno, "eventfd", "");
  return absl::WrapUnique(new ServedFilters(container, std::move(on_fault), std::move(ended_fd)));
}

absl::Status ServedFilters::Add(std::unique_ptr<platform::Platform> platform,
                                std::function<void()> on_gone) {
  Collect();
  if (served_.size() >= kMaxFilters) {
    return absl::ResourceExhaustedError(
        "too many processes run in the container that were brought by exec; end some");
  }
  Served& served = served_.emplace_back();
  served.platform = std::move(platform);
  served.on_gone = std::move(on_gone);
  served.workers = std::make_unique<WorkerPool>(container_, *served.platform, on_fault_,
                                                [this, &served] { NoteEnd(&served); });
  const absl::Status started = served.workers->Start();
  if (!started.ok()) served_.pop_back();
  return started;
}

void ServedFilters::NoteEnd(const Served* served) {
  absl::MutexLock lock(&mutex_);
  ended_.push_back(served);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(ended_fd_.get(), &one, sizeof(one));
}

void ServedFilters::Collect() {
  uint64_t count;
  [[maybe_unused]] const ssize_t ignored = ::read(ended_fd_.get(), &count, sizeof(count));
  std::list<const Served*> ended;
  {
    absl::MutexLock lock(&mutex_);
    ended.swap(ended_);
  }
  for (const Served* gone : ended) {
    gone->on_gone();
    served_.remove_if([gone](const Served& served) { return &served == gone; });
  }
}

}  // namespace moat::sentry
