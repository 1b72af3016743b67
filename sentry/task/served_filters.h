// The filters whose traps this sentry answers: that of the container's init with all it forks, and
// one for each process that `moat exec` brought, with all that it forks.
//
// Each has a platform and workers of its own, so that the way of a trap is the same whatever filter
// it comes from, and that all of it goes when the last task under the filter has.
#ifndef MOAT_SENTRY_TASK_SERVED_FILTERS_H_
#define MOAT_SENTRY_TASK_SERVED_FILTERS_H_

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "platform/platform.h"
#include "sentry/container.h"
#include "sentry/task/worker_pool.h"

namespace moat::sentry {

// Made and used by one thread, and not destroyed before the process ends.
class ServedFilters {
 public:
  // `container` outlives it. `on_fault`: WorkerPool.
  static absl::StatusOr<std::unique_ptr<ServedFilters>> Create(
      Container& container, std::function<void(const std::string& why)> on_fault);

  // Starts to answer. `on_gone` runs in Collect once no task is left under the filter; not at all
  // after an error.
  absl::Status Add(std::unique_ptr<platform::Platform> platform, std::function<void()> on_gone);

  // Readable when Collect has something to do.
  int ended_fd() const { return ended_fd_.get(); }
  // Lets go of what has ended.
  void Collect();

 private:
  struct Served {
    std::unique_ptr<platform::Platform> platform;
    std::function<void()> on_gone;
    std::unique_ptr<WorkerPool> workers;
  };

  ServedFilters(Container& container, std::function<void(const std::string&)> on_fault, Fd ended_fd)
      : container_(container), on_fault_(std::move(on_fault)), ended_fd_(std::move(ended_fd)) {}
  void NoteEnd(const Served* served);

  Container& container_;
  const std::function<void(const std::string&)> on_fault_;
  const Fd ended_fd_;  // eventfd(2)
  std::list<Served> served_;
  absl::Mutex mutex_;
  std::list<const Served*> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_SERVED_FILTERS_H_
