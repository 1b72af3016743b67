#include "sentry/doorbell/habits.h"

#include <algorithm>

namespace moat::sentry {
namespace {

using std::chrono::milliseconds;

// A session costs what some forty traps do.
constexpr unsigned kBeforeHang = 200;
constexpr unsigned kBeforeSite = 40;
// Traps in a row: no more than this apart.
constexpr auto kRow = milliseconds(1);
constexpr unsigned kBeforeWake = 16;
constexpr unsigned kBeforeWakeAgain = 2;  // when it fell asleep a moment ago
constexpr unsigned kNever = ~0U;
constexpr size_t kMostPlaces = 16;   // of a thread
constexpr size_t kMostHabits = 512;  // of threads without a door
// Who has called within this time calls on.
constexpr auto kLately = milliseconds(1);

}  // namespace

void Habits::Activity::Note(pid_t tid, Clock::time_point now) {
  Caller* place = &callers_[0];
  for (Caller& caller : callers_) {
    if (caller.tid == tid) {
      caller.last = now;
      return;
    }
    if (caller.last < place->last) place = &caller;
  }
  *place = {tid, now};
}

int Habits::Activity::Callers(Clock::time_point now) const {
  return static_cast<int>(
      std::count_if(callers_.begin(), callers_.end(),
                    [now](const Caller& caller) { return now - caller.last < kLately; }));
}

Habits::Advice Habits::Count(const platform::Trap& trap, Clock::time_point now,
                             bool slept_just_now) {
  absl::MutexLock lock(&mutex_);
  if (habits_.size() >= kMostHabits + kMostDoors) {
    absl::erase_if(habits_, [](const auto& entry) { return entry.second.door.expired(); });
  }
  activity_.Note(trap.tid, now);
  Habit& habit = habits_[trap.tid];
  habit.in_a_row = now - habit.last < kRow ? habit.in_a_row + 1 : 0;
  habit.last = now;
  auto door = habit.door.lock();
  if (door && door->bell->InCode(trap.instruction_pointer)) {
    if (habit.in_a_row < (slept_just_now ? kBeforeWakeAgain : kBeforeWake)) return {};
    habit.in_a_row = 0;
    if (!HasSpareCpuLocked(now)) return {};
    return {Step::kWake, std::move(door)};
  }
  if (habit.places.size() >= kMostPlaces) habit.places.clear();
  unsigned& times = habit.places[trap.instruction_pointer];
  if (times == kNever || ++times < (door ? kBeforeSite : kBeforeHang)) return {};
  if (habit.in_a_row < kBeforeWake || !HasSpareCpuLocked(now)) return {};
  times = 0;
  if (!door) return {Step::kHang, nullptr};
  return {Step::kAddSite, std::move(door)};
}

void Habits::GiveUp(const platform::Trap& trap) {
  absl::MutexLock lock(&mutex_);
  habits_[trap.tid].places[trap.instruction_pointer] = kNever;
}

void Habits::Know(pid_t tid, const std::shared_ptr<Door>& door) {
  absl::MutexLock lock(&mutex_);
  Habit& habit = habits_[tid];
  habit.door = door;
  habit.places.clear();
}

void Habits::Forget(pid_t tid) {
  absl::MutexLock lock(&mutex_);
  habits_.erase(tid);
}

void Habits::NoteRing(pid_t tid, Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  activity_.Note(tid, now);
}

bool Habits::HasSpareCpu(Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  return HasSpareCpuLocked(now);
}

bool Habits::HasSpareCpuLocked(Clock::time_point now) const {
  return activity_.Callers(now) < cpus_;
}

}  // namespace moat::sentry
