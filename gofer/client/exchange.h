// One channel: sends a request, waits for its reply, gives up on request.
#ifndef MOAT_GOFER_CLIENT_EXCHANGE_H_
#define MOAT_GOFER_CLIENT_EXCHANGE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "base/fd.h"
#include "base/turns.h"
#include "gofer/client/client.h"
#include "gofer/client/service_link.h"
#include "gofer/protocol/packet.h"
#include "gofer/protocol/reply.h"
#include "gofer/protocol/request.h"

namespace moat::gofer {

// What came back as a value. `body` is valid until the next Call.
struct Answer {
  int64_t value = 0;
  absl::string_view body;
  Fd fd;
};

// One call at a time; broken() from any thread.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Sends `request` (its sequence is set here) with `fds` in the order of its descriptor bits.
  // While it waits, asks `give_up` (when there is one) every 50 ms.
  virtual Outcome<Answer> Call(Request& request, absl::Span<const int> fds,
                               const Channel::GiveUp* give_up) = 0;
  virtual bool broken() const = 0;
};

// With a gofer that is not asked: every call fails with EAGAIN.
class NoExchange final : public Exchange {
 public:
  Outcome<Answer> Call(Request&, absl::Span<const int>, const Channel::GiveUp*) override {
    called_ = true;
    return Failure{Errno(EAGAIN), {}};
  }
  bool broken() const override { return false; }

  // Whether there was a call since this was last asked.
  bool TakeCalled() { return std::exchange(called_, false); }

 private:
  bool called_ = false;
};

class GoferExchange final : public Exchange {
 public:
  GoferExchange(std::shared_ptr<ServiceLink> service, ServiceLink::NewChannel channel);

  Outcome<Answer> Call(Request& request, absl::Span<const int> fds,
                       const Channel::GiveUp* give_up) override;
  bool broken() const override { return broken_.load(std::memory_order_relaxed); }

 private:
  // Whether the gofer's thread passed its turn back.
  bool AwaitReply(const Request& request, const Channel::GiveUp* give_up);
  Result<void> Send(const EncodedRequest& request, absl::Span<const int> fds);
  Outcome<Answer> Receive(const Request& request);
  Failure Break();

  const std::shared_ptr<ServiceLink> service_;
  const Fd socket_;
  SharedSlots slots_;
  Follower follower_;
  bool has_turn_ = false;  // the gofer's thread sleeps until we give it one
  const uint32_t channel_;
  uint32_t sequence_ = 0;
  std::atomic<bool> broken_{false};
  const std::unique_ptr<char[]> buffer_;  // kMaxReply bytes; only what was used takes memory
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_EXCHANGE_H_
