#include "platform/seccomp_notify/receiver_gate.h"

#include <algorithm>
#include <atomic>

namespace moat::platform::seccomp_notify {

// A thread's ticket names a seat only while the seat has that number: one that was taken away is
// noticed when its holder comes back.
ReceiverGate::Ticket& ReceiverGate::OwnTicket() {
  static thread_local Ticket ticket = 0;
  return ticket;
}

void ReceiverGate::Enter() {
  absl::MutexLock lock(&mutex_);
  if (HasSeatLocked()) {
    handling_ = false;
    return;
  }
  if (TakeSeatLocked()) return;
  do {
    ParkLocked();
  } while (!TakeSeatLocked());
  room_.Signal();  // somebody else watches now
}

void ReceiverGate::Took(pid_t tid, bool at_once) {
  absl::MutexLock lock(&mutex_);
  ++received_;
  JudgeTrafficLocked(tid, at_once);
  const bool keeps_seat = SeatsLocked() == 1 && seats_[0] == OwnTicket();
  if (keeps_seat) {
    handling_ = true;
    if (watch_sleeps_) watch_.Signal();
  } else {
    FreeOwnSeatLocked();
    CallSubstituteLocked();
  }
}

void ReceiverGate::Leave() {
  absl::MutexLock lock(&mutex_);
  if (!HasSeatLocked()) return;
  FreeOwnSeatLocked();
  CallSubstituteLocked();
}

bool ReceiverGate::HasSeatLocked() const {
  return OwnTicket() != 0 && std::find(seats_.begin(), seats_.end(), OwnTicket()) != seats_.end();
}

bool ReceiverGate::TakeSeatLocked() {
  static std::atomic<Ticket> last_ticket = 0;
  for (size_t i = 0; i < SeatsLocked(); ++i) {
    if (seats_[i] != 0) continue;
    seats_[i] = OwnTicket() = ++last_ticket;
    if (i == 0) handling_ = false;
    return true;
  }
  return false;
}

void ReceiverGate::FreeOwnSeatLocked() {
  std::replace(seats_.begin(), seats_.end(), OwnTicket(), Ticket{0});
  OwnTicket() = 0;
}

void ReceiverGate::CallSubstituteLocked() {
  if (std::any_of(seats_.begin(), seats_.end(), [](Ticket ticket) { return ticket != 0; })) return;
  if (watched_) {
    watch_.Signal();
  } else {
    room_.Signal();
  }
}

void ReceiverGate::JudgeTrafficLocked(pid_t tid, bool at_once) {
  if (at_once && tid != last_tid_) {
    calm_ = 0;
    rush_ = std::min(rush_ + 1, kRush);
  } else if (++calm_ >= kCalm) {
    calm_ = rush_ = 0;
  }
  last_tid_ = tid;
}

void ReceiverGate::ParkLocked() {
  if (watched_) return room_.Wait(&mutex_);
  watched_ = true;
  WatchLocked();
  watched_ = false;
}

void ReceiverGate::WatchLocked() {
  // Sleeps through times in which nothing happens: Took wakes it.
  uint64_t before = received_;
  if (!handling_) {
    watch_sleeps_ = true;
    watch_.Wait(&mutex_);
    watch_sleeps_ = false;
    before = received_;
  }
  const bool timed_out = watch_.WaitWithTimeout(&mutex_, patience_);
  const bool stuck = timed_out && handling_ && received_ == before;
  if (stuck) seats_[0] = 0;
  patience_ = stuck ? kPatience : std::min(2 * patience_, kMostPatience);
}

}  // namespace moat::platform::seccomp_notify
