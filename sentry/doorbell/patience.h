// How long a thread that looks for work, instead of sleeping until there is some, goes on looking.
//
// A look costs a CPU, a sleep costs whoever brings the next piece of work a wake-up. So it looks
// for a short while; for longer if it is woken again as soon as it sleeps (the one who brings work
// does something else in between); and not at all when there is too little work for all that
// looking.
#ifndef MOAT_SENTRY_DOORBELL_PATIENCE_H_
#define MOAT_SENTRY_DOORBELL_PATIENCE_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace moat::sentry {

// Used by the thread that looks; SleptJustNow from any thread.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  // A sleep costs the thread and who wakes it some 50 us.
  static constexpr Clock::duration kLeast = std::chrono::microseconds(50);
  static constexpr Clock::duration kMost = std::chrono::milliseconds(1);
  // What a piece of work may cost in time of looking for it.
  static constexpr Clock::duration kPerWork = std::chrono::microseconds(400);
  // The looking over which that is judged, and the time within which a wake-up comes at once.
  static constexpr Clock::duration kLately = std::chrono::milliseconds(4);

  // Woken.
  void Begin(Clock::time_point now);
  // Has found a piece of work.
  void Worked(Clock::time_point now);
  // Whether it has looked for long enough.
  bool IsOver(Clock::time_point now) const { return now - last_work_ > limit_; }
  // Whether there is enough work for it to be awake at all. To be asked again and again.
  bool Pays(Clock::time_point now);
  // Goes to sleep.
  void End(Clock::time_point now);

  bool SleptJustNow(Clock::time_point now) const { return now - ended_.load() < kLately; }

 private:
  Clock::duration limit_ = kLeast;
  Clock::time_point last_work_;
  // What is judged next: the looking since began_ and some before, and the work found in it.
  Clock::time_point began_;
  Clock::duration looked_ = {};
  int64_t work_ = 0;
  std::atomic<Clock::time_point> ended_{Clock::time_point{}};
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_PATIENCE_H_
