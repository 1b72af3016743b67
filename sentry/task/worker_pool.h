// The threads that receive traps and answer them.
//
// Each worker receives and handles by itself (a hand-off queue would cost a wake-up per call) over
// a gofer channel of its own. At least one worker always waits for the next trap, so that a call
// that blocks (a FIFO that waits for its other end) holds nobody else up.
#ifndef MOAT_SENTRY_TASK_WORKER_POOL_H_
#define MOAT_SENTRY_TASK_WORKER_POOL_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "platform/platform.h"
#include "sentry/container.h"

namespace moat::sentry {

class WorkerPool {
 public:
  // `on_fault` is called once, from any thread, when the platform or the gofer failed: the
  // container must end. `on_end` is called by the last worker as its last access to the pool, when
  // no task is left under the platform's filter: pool and platform may be destroyed then, and only
  // then. It may be called by Start already. The arguments outlive the pool.
  WorkerPool(Container& container, platform::Platform& platform,
             std::function<void(const std::string& why)> on_fault, std::function<void()> on_end);

  // Starts the first workers. Error: not even one could be, for want of a gofer channel or a
  // thread.
  absl::Status Start();

 private:
  absl::Status AddWorker();
  // A worker ends.
  void Leave();
  void Serve(gofer::Channel& channel);
  // `before`: TaskCache::Moment from before the trap was received.
  void Handle(gofer::Channel& channel, const platform::Trap& trap, uint64_t before);

  Container& container_;
  platform::Platform& platform_;
  const std::function<void(const std::string&)> on_fault_;
  const std::function<void()> on_end_;
  std::atomic<int> workers_ = 0;  // and Start, while it runs
  std::atomic<int> waiting_ = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_WORKER_POOL_H_
