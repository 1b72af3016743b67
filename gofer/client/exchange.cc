#include "gofer/client/exchange.h"

#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>

#include "base/thread_cpu.h"

namespace moat::gofer {
namespace {

constexpr timeval kGiveUpInterval = {.tv_sec = 0, .tv_usec = 50'000};

Failure Fail(int error) { return Failure{Errno(error), std::nullopt}; }

}  // namespace

Exchange::Exchange(std::shared_ptr<ServiceLink> service, Fd socket, uint32_t channel)
    : service_(std::move(service)),
      socket_(std::move(socket)),
      channel_(channel),
      buffer_(new char[kMaxReply]) {
  EnlargeBuffers(socket_.get());
  // The poll interval costs no system call of its own this way.
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kGiveUpInterval, sizeof(kGiveUpInterval));
}

Outcome<Answer> Exchange::Call(Request& request, absl::Span<const int> fds,
                               const Channel::GiveUp* give_up) {
  if (broken()) return Fail(EIO);
  if (++sequence_ == 0) ++sequence_;
  request.sequence = sequence_;
  request.cpu = static_cast<uint32_t>(ThreadCpu::Current());
  if (auto checked = CheckRequest(request); !checked.ok()) return Failure{checked.error(), {}};
  const EncodedRequest encoded(request);
  if (auto sent = SendPacket(socket_.get(), encoded.parts(), fds); !sent.ok()) {
    // These say that this one packet could not go; anything else that the gofer is gone.
    const int error = sent.error().value();
    const bool only_this = error == EMSGSIZE || error == EBADF || error == ETOOMANYREFS ||
                           error == ENOMEM || error == ENOBUFS;
    return only_this ? Fail(error) : Break();
  }
  return Receive(request, give_up);
}

Outcome<Answer> Exchange::Receive(const Request& request, const Channel::GiveUp* give_up) {
  const absl::Span<char> buffer(buffer_.get(), kMaxReply);
  bool gave_up = false;
  for (;;) {
    PacketFds fds;
    const auto size = ReceivePacket(socket_.get(), buffer, fds);
    if (size.ok()) return *size == 0 ? Break() : Decode(request, *size, std::move(fds));
    if (size.error().value() != EAGAIN) return Break();
    if (!give_up || !*give_up) continue;
    gave_up = gave_up || (*give_up)();
    // Again and again: a signal that comes just before the gofer's thread blocks is lost.
    if (gave_up) service_->Cancel(channel_, request.sequence);
  }
}

Outcome<Answer> Exchange::Decode(const Request& request, size_t size, PacketFds fds) {
  const absl::Span<const char> packet(buffer_.get(), size);
  const auto reply = DecodeReply(packet, fds.count, request.operation, request.sequence);
  if (!reply.ok()) return Break();
  switch (reply.value().kind) {
    case ReplyKind::kValue:
      if (fds.count > 0 && !WaitForRelease(request)) return Break();
      return Answer{reply.value().value, reply.value().body, std::move(fds.fds[0])};
    case ReplyKind::kError:
      return Fail(reply.value().error);
    case ReplyKind::kCrossing:
      return Failure{Errno(ELOOP), Crossing{std::string(reply.value().body)}};
    case ReplyKind::kReleased:
      break;
  }
  return Break();
}

bool Exchange::WaitForRelease(const Request& request) {
  std::array<char, sizeof(ReplyHeader)> packet;
  PacketFds none;
  for (;;) {
    const auto size = ReceivePacket(socket_.get(), absl::MakeSpan(packet), none);
    if (!size.ok() && size.error().value() == EAGAIN) continue;
    if (!size.ok()) return false;
    const auto reply = DecodeReply(absl::MakeConstSpan(packet.data(), *size), none.count,
                                   request.operation, request.sequence);
    return reply.ok() && reply.value().kind == ReplyKind::kReleased;
  }
}

Failure Exchange::Break() {
  broken_.store(true, std::memory_order_relaxed);
  return Fail(EIO);
}

}  // namespace moat::gofer
