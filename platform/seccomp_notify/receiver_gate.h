// Bounds how many threads sleep in the kernel for the next trap.
//
// The kernel wakes every thread that sleeps in RECV for each trap (they are no exclusive waiters),
// so dozens of idle workers would make every call slow. Two is enough: while one handles a trap the
// other is there for the next, which must not lie unreceived for long (a signal interrupts it until
// then). Further threads park here and one comes in when nobody is left.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace moat::platform::seccomp_notify {

// Thread-safe.
class ReceiverGate {
 public:
  // The right to receive; parks until there is room.
  class Pass {
   public:
    explicit Pass(ReceiverGate& gate) : gate_(gate) { gate_.Enter(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() { gate_.Leave(); }

   private:
    ReceiverGate& gate_;
  };

  static constexpr int kReceivers = 2;

 private:
  void Enter() {
    absl::MutexLock lock(&mutex_);
    while (inside_ >= kReceivers) room_.Wait(&mutex_);
    ++inside_;
  }
  // Those who leave usually come back soon; only the last one calls for a substitute.
  void Leave() {
    absl::MutexLock lock(&mutex_);
    if (--inside_ == 0) room_.Signal();
  }

  absl::Mutex mutex_;
  absl::CondVar room_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_RECEIVER_GATE_H_
