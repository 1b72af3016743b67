// Two threads, of one process or of two, that work in turns: each sleeps while the other has the
// turn, and whoever is woken goes on *on the CPU of the one who woke it*.
//
// An ordinary wake-up (futex, pipe, socket) lets the scheduler choose a CPU, and it prefers an idle
// one; on a virtual machine that costs 40 us and more, on bare metal still a cold cache. The one
// wake-up of Linux that user space can ask to stay where it is belongs to seccomp's user
// notification (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6): so a turn is passed as a system
// call that nobody serves and that is notified to the other side. docs/adr/006-turns.md has the
// measurements.
//
// One side is the follower: it installs a filter on itself and then only ever waits for turns. The
// other, the leader, holds the filter's listener. Data goes another way (a socket, shared memory);
// what was written before passing the turn can be read by the one that gets it.
#ifndef MOAT_BASE_TURNS_H_
#define MOAT_BASE_TURNS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace moat {

// The call by which a follower passes its turn: a number that Linux does not have. Without a leader
// it is ENOSYS and nothing else.
inline constexpr int kPassTurnCall = 0x6d6f62;

// Makes the calling thread a follower, for its whole life, and threads that it starts, too; the
// result is the listener, for the leader. Needs no_new_privs. EBUSY: the thread has such a filter
// already, perhaps by inheritance (seccomp(2)).
Result<Fd> BecomeFollower();

// Called by a follower: passes the turn to the leader and sleeps until it comes back. EINTR: a
// signal came first; to be called again. ENOSYS: no leader is left.
Result<void> PassTurn();

// The leader's side. Used by one thread at a time.
class Follower {
 public:
  explicit Follower(Fd listener);

  // Sleeps until the follower passes the turn. EPIPE: it has ended; EAGAIN: it has not come within
  // `limit`.
  Result<void> AwaitTurn(std::optional<std::chrono::milliseconds> limit = {});
  // Gives the follower its turn, which AwaitTurn must have received. EPIPE: it has ended.
  Result<void> GiveTurn();

 private:
  Result<bool> PollUntil(int timeout_milliseconds);
  Result<void> Receive();

  const Fd listener_;
  const bool receive_reports_end_;
  uint64_t turn_ = 0;  // the notification that the follower sleeps in
};

// Makes the calling thread finish what it does before those that it wakes run on its CPU: it does
// not preempt others when it is woken (SCHED_BATCH, sched(7)). For threads that work in turns,
// where whoever wakes the other is about to wait anyway.
void HandOverPolitely();

// Whether SECCOMP_IOCTL_NOTIF_RECV returns when the last task of a filter ends. It does since Linux
// 6.11 (commit "seccomp: interrupt SECCOMP_IOCTL_NOTIF_RECV when all users have exited"); before,
// it sleeps on for ever, and only poll(2) tells.
bool ReceiveReportsEnd();

}  // namespace moat

#endif  // MOAT_BASE_TURNS_H_
