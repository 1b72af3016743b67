// Lets a connect(2) that a task makes in a session wait only for a moment at a time.
//
// connect has no flags that say so, and a socket's O_NONBLOCK is seen by whoever looks; so the
// socket's SO_SNDTIMEO is shortened for the time of the call.
#ifndef MOAT_SENTRY_NET_BRIEF_WAITS_H_
#define MOAT_SENTRY_NET_BRIEF_WAITS_H_

#include <sys/types.h>

#include <chrono>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::sentry {

// How long a call of the socket may wait to send or connect; 0: without end.
std::chrono::microseconds SendTimeout(const Fd& socket);

// Thread-safe.
class BriefWaits {
 public:
  // The socket's own timeout is back when this goes. Borrows the socket and the BriefWaits.
  class Shortened {
   public:
    Shortened(Shortened&& other) noexcept
        : waits_(std::exchange(other.waits_, nullptr)),
          socket_(other.socket_),
          inode_(other.inode_),
          own_timeout_(other.own_timeout_) {}
    Shortened& operator=(Shortened&&) = delete;
    ~Shortened();
    std::chrono::microseconds own_timeout() const { return own_timeout_; }

   private:
    friend class BriefWaits;
    Shortened(BriefWaits* waits, const Fd& socket, ino_t inode, std::chrono::microseconds timeout)
        : waits_(waits), socket_(&socket), inode_(inode), own_timeout_(timeout) {}

    BriefWaits* waits_;  // null: moved from
    const Fd* socket_;
    ino_t inode_;
    std::chrono::microseconds own_timeout_;
  };

  // EBUSY: another call has shortened it just now.
  Result<Shortened> Shorten(const Fd& socket);

 private:
  absl::Mutex mutex_;
  std::set<ino_t> shortened_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_NET_BRIEF_WAITS_H_
