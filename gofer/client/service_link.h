// The sentry's end of the service socket, shared by the client and its channels.
#ifndef MOAT_GOFER_CLIENT_SERVICE_LINK_H_
#define MOAT_GOFER_CLIENT_SERVICE_LINK_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/protocol/slot.h"

namespace moat::gofer {

// Thread-safe.
class ServiceLink {
 public:
  explicit ServiceLink(Fd socket) : socket_(std::move(socket)) {}

  // Agrees on the protocol version. The gofer's inotify descriptor, or none. EPROTO, EIO.
  Result<Fd> ShakeHands();

  struct NewChannel {
    Fd socket;
    SharedSlots slots;
    Fd follower;  // the listener of the gofer's thread (base/turns.h)
    uint32_t id = 0;
  };
  // Makes a channel's socket pair and gives the gofer its end. The gofer's errno, EPROTO, EIO.
  Result<NewChannel> OpenChannel();

  // Asks for `sequence` of `channel` to be interrupted. Not answered; may come too early or too
  // late, which is harmless, so repeat it until the request is answered.
  void Cancel(uint32_t channel, uint32_t sequence);

  int fd() const { return socket_.get(); }

 private:
  const Fd socket_;
  absl::Mutex mutex_;  // held over a question and its answer; a leaf
  uint32_t last_channel_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_SERVICE_LINK_H_
