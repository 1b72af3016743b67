// Who receives the next trap.
//
// The kernel wakes every thread that sleeps in RECV for each trap (they are no exclusive waiters),
// and one that is woken in vain costs the task 3 to 5 us. So as long as tasks trap one after the
// other there is one *seat*, and whoever has it keeps it while it handles what it received: usually
// it is back before the next trap comes. All others park here. Two things make room for them:
//
// * The holder takes long. One of the parked threads, the *watch*, looks every one to four
//   milliseconds whether it still handles the same trap, and then takes its seat: a call that
//   blocks holds others up for eight milliseconds at most, once.
// * Tasks trap at the same time: several times a trap of another task lay ready when one was
//   answered. Then it is two seats, free again as soon as a trap has been received, so that each
//   task is answered on its own CPU. When things calm down it is one again.
//
// docs/adr/006-turns.md has the figures.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace moat::platform::seccomp_notify {

// Thread-safe. A thread uses one gate in its life, and must come back to Enter or call Leave.
class ReceiverGate {
 public:
  // How long a holder may handle one trap before the watch takes its seat: one to two of these. The
  // watch is longer asleep while holders come back each time it looks, as it takes time from them.
  static constexpr absl::Duration kPatience = absl::Milliseconds(1);
  static constexpr absl::Duration kMostPatience = absl::Milliseconds(4);

  // Parks until the calling thread may receive.
  void Enter();
  // It has received a trap of `tid`; `at_once`: the trap had been waiting.
  void Took(pid_t tid, bool at_once);
  // It will not come back for another one.
  void Leave();

 private:
  // Which thread has a seat: a number that is never used again; 0: nobody.
  using Ticket = uint64_t;
  static constexpr size_t kMostSeats = 2;
  static constexpr int kRush = 3;   // so many simultaneous traps open the second seat
  static constexpr int kCalm = 32;  // so many others in a row close it

  static Ticket& OwnTicket();

  size_t SeatsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return rush_ < kRush ? 1 : 2; }
  bool HasSeatLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeSeatLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FreeOwnSeatLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gets one parked thread to look again, if nobody sits.
  void CallSubstituteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JudgeTrafficLocked(pid_t tid, bool at_once) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ParkLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WatchLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  absl::CondVar room_;   // parked threads that do not watch
  absl::CondVar watch_;  // the one that does
  std::array<Ticket, kMostSeats> seats_ ABSL_GUARDED_BY(mutex_) = {};
  uint64_t received_ ABSL_GUARDED_BY(mutex_) = 0;  // traps so far
  bool handling_ ABSL_GUARDED_BY(mutex_) = false;  // the only seat's holder has a trap
  bool watched_ ABSL_GUARDED_BY(mutex_) = false;
  bool watch_sleeps_ ABSL_GUARDED_BY(mutex_) = false;  // without a time limit
  absl::Duration patience_ ABSL_GUARDED_BY(mutex_) = kPatience;
  pid_t last_tid_ ABSL_GUARDED_BY(mutex_) = 0;
  int rush_ ABSL_GUARDED_BY(mutex_) = 0;
  int calm_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_
