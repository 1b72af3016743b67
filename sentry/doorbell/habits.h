// What the threads of the container do: who asks again and again, from where, and how many of them
// at once. From that follows who is worth a doorbell, and whether there is a CPU for the thread
// that answers it.
#ifndef MOAT_SENTRY_DOORBELL_HABITS_H_
#define MOAT_SENTRY_DOORBELL_HABITS_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "platform/platform.h"
#include "sentry/doorbell/door.h"

namespace moat::sentry {

// Thread-safe.
class Habits {
 public:
  using Clock = std::chrono::steady_clock;

  // What is to be done about a trap.
  enum class Step { kNothing, kHang, kAddSite, kWake };
  struct Advice {
    Step step = Step::kNothing;
    std::shared_ptr<Door> door;  // of the caller's process, where it is known
  };

  static constexpr size_t kMostDoors = 64;

  // `cpus`: how many the container's threads and the one that answers have together.
  explicit Habits(int cpus) : cpus_(cpus) {}

  // A trap that merely asks, received now. `slept_just_now`: the thread that answers was awake a
  // moment ago.
  Advice Count(const platform::Trap& trap, Clock::time_point now, bool slept_just_now);
  // The place that the trap came from is never to be patched.
  void GiveUp(const platform::Trap& trap);
  // The thread's process has a door. Its places are counted anew.
  void Know(pid_t tid, const std::shared_ptr<Door>& door);
  void Forget(pid_t tid);
  // The thread has rung.
  void NoteRing(pid_t tid, Clock::time_point now);
  // Whether one more thread may be awake beside those that call.
  bool HasSpareCpu(Clock::time_point now);

 private:
  // Who has called lately. Whoever waits for an answer keeps a CPU busy, and so does the thread
  // that answers: with more of them than there are CPUs each keeps the others from running.
  class Activity {
   public:
    void Note(pid_t tid, Clock::time_point now);
    int Callers(Clock::time_point now) const;

   private:
    struct Caller {
      pid_t tid = 0;
      Clock::time_point last;
    };
    std::array<Caller, 16> callers_;
  };
  struct Habit {
    std::weak_ptr<Door> door;  // of its process, as long as that one is not closed
    Clock::time_point last;
    unsigned in_a_row = 0;
    // Traps by where they were made.
    absl::flat_hash_map<uint64_t, unsigned> places;
  };

  bool HasSpareCpuLocked(Clock::time_point now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int cpus_;
  absl::Mutex mutex_;  // a leaf
  absl::flat_hash_map<pid_t, Habit> habits_ ABSL_GUARDED_BY(mutex_);
  Activity activity_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_HABITS_H_
