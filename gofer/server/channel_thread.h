// One channel's thread in the gofer: receives a request, performs it, replies, again and again.
#ifndef MOAT_GOFER_SERVER_CHANNEL_THREAD_H_
#define MOAT_GOFER_SERVER_CHANNEL_THREAD_H_

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/protocol/packet.h"
#include "gofer/protocol/slot.h"
#include "gofer/server/execute.h"
#include "gofer/server/identity.h"
#include "gofer/server/virtual_mounts.h"
#include "gofer/server/watches.h"

namespace moat::gofer {

// What all channels of a gofer share; constant.
struct ServerContext {
  IdentityPolicy policy;
  Fd container_root;  // O_PATH
  VirtualMounts mounts;
  std::unique_ptr<Watches> watches;
};

// Interrupts a thread's blocking system call; has a handler that does nothing (without SA_RESTART).
inline constexpr int kCancelSignal = SIGUSR1;

// Made, cancelled and destroyed by the service thread.
class ChannelThread {
 public:
  // Starts the thread. `context` outlives it.
  static Result<std::unique_ptr<ChannelThread>> Start(const ServerContext& context, Fd socket,
                                                      SharedSlots slots);
  // Ends the thread, interrupting what it is doing, and waits for it.
  ~ChannelThread();
  ChannelThread(const ChannelThread&) = delete;
  ChannelThread& operator=(const ChannelThread&) = delete;

  // Interrupts request `sequence` if it is being performed, else does nothing. The signal is lost
  // when the thread has not blocked yet: the sentry asks again.
  void Cancel(uint32_t sequence);
  // Whether the thread has ended: its peer is gone, or broke the protocol.
  bool finished() const { return finished_.load(); }
  // Polls as hung up from the moment that the thread ends or its peer is gone.
  int socket() const { return socket_.get(); }

 private:
  ChannelThread(const ServerContext& context, Fd socket, SharedSlots slots);

  static void* Main(void* self);
  void Serve();
  // False: the channel is at its end.
  bool ServeOne(ThreadIdentity& identity);
  bool Introduce();
  bool AwaitTurn();
  Executed Perform(ThreadIdentity& identity, const Request& request, PacketFds fds);
  bool Send(const Request& request, const Executed& executed);
  bool Cancelled(uint32_t sequence) const {
    return stopping_.load() || cancelled_.load() == sequence;
  }

  const ServerContext& context_;
  const Fd socket_;
  SharedSlots slots_;
  const std::unique_ptr<char[]> request_;  // kMaxRequest; only what was used takes memory
  const std::unique_ptr<char[]> body_;
  pthread_t thread_{};
  std::atomic<uint32_t> performing_{0};  // the sequence of the request at work, 0: none
  std::atomic<uint32_t> cancelled_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finished_{false};
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_CHANNEL_THREAD_H_
