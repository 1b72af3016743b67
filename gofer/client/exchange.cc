#include "gofer/client/exchange.h"

#include <sys/socket.h>

#include <string>
#include <utility>

namespace moat::gofer {
namespace {

constexpr std::chrono::milliseconds kGiveUpInterval(50);

Failure Fail(int error) { return Failure{Errno(error), std::nullopt}; }

}  // namespace

GoferExchange::GoferExchange(std::shared_ptr<ServiceLink> service, ServiceLink::NewChannel channel)
    : service_(std::move(service)),
      socket_(std::move(channel.socket)),
      slots_(std::move(channel.slots)),
      follower_(std::move(channel.follower)),
      channel_(channel.id),
      buffer_(new char[kMaxReply]) {}

Outcome<Answer> GoferExchange::Call(Request& request, absl::Span<const int> fds,
                                    const Channel::GiveUp* give_up) {
  if (broken()) return Fail(EIO);
  if (++sequence_ == 0) ++sequence_;
  request.sequence = sequence_;
  if (auto checked = CheckRequest(request); !checked.ok()) return Failure{checked.error(), {}};
  const EncodedRequest encoded(request);
  if (!has_turn_ && !follower_.AwaitTurn().ok()) return Break();
  has_turn_ = true;
  if (auto sent = Send(encoded, fds); !sent.ok()) {
    // These say that this one request could not go; anything else that the gofer is gone.
    const int error = sent.error().value();
    const bool only_this = error == EMSGSIZE || error == EBADF || error == ETOOMANYREFS ||
                           error == ENOMEM || error == ENOBUFS;
    return only_this ? Fail(error) : Break();
  }
  has_turn_ = false;
  if (!follower_.GiveTurn().ok() || !AwaitReply(request, give_up)) return Break();
  has_turn_ = true;
  return Receive(request);
}

Result<void> GoferExchange::Send(const EncodedRequest& request, absl::Span<const int> fds) {
  TRY(slots_.request().Write(request.parts(), fds.size()));
  if (fds.empty()) return Unit();
  return SendDescriptors(socket_.get(), fds);
}

bool GoferExchange::AwaitReply(const Request& request, const Channel::GiveUp* give_up) {
  if (!give_up || !*give_up) return follower_.AwaitTurn().ok();
  bool gave_up = false;
  for (;;) {
    const auto turn = follower_.AwaitTurn(kGiveUpInterval);
    if (turn.ok()) return true;
    if (turn.error().value() != EAGAIN) return false;
    gave_up = gave_up || (*give_up)();
    // Again and again: a signal that comes just before the gofer's thread blocks is lost.
    if (gave_up) service_->Cancel(channel_, request.sequence);
  }
}

Outcome<Answer> GoferExchange::Receive(const Request& request) {
  PacketFds fds;
  const auto message = slots_.reply().Read({buffer_.get(), kMaxReply});
  if (!message.ok()) return Break();
  if (message->has_descriptors && !ReceiveDescriptors(socket_.get(), fds).ok()) return Break();
  const absl::Span<const char> packet(buffer_.get(), message->size);
  const auto reply = DecodeReply(packet, fds.count, request.operation, request.sequence);
  if (!reply.ok()) return Break();
  switch (reply.value().kind) {
    case ReplyKind::kValue:
      return Answer{reply.value().value, reply.value().body, std::move(fds.fds[0])};
    case ReplyKind::kError:
      return Fail(reply.value().error);
    case ReplyKind::kCrossing:
      return Failure{Errno(ELOOP), Crossing{std::string(reply.value().body)}};
  }
  return Break();
}

Failure GoferExchange::Break() {
  broken_.store(true, std::memory_order_relaxed);
  return Fail(EIO);
}

}  // namespace moat::gofer
