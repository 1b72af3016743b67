#include "gofer/client/service_link.h"

#include <sys/socket.h>

#include <array>

#include "absl/types/span.h"
#include "gofer/protocol/packet.h"
#include "gofer/protocol/service.h"

namespace moat::gofer {
namespace {

// A gofer that does not answer a service message for so long is given up.
constexpr timeval kAnswerTimeout = {.tv_sec = 10, .tv_usec = 0};

Result<void> Send(int socket, ServiceMessage message, absl::Span<const int> fds) {
  const iovec part = {&message, sizeof(message)};
  if (!SendPacket(socket, {part}, fds).ok()) return Errno(EIO);
  return {};
}

void LimitWaiting(int socket) {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof(kAnswerTimeout));
}

Result<ServiceMessage> ReceiveAnswer(int socket, ServiceKind kind, uint32_t channel,
                                     PacketFds& fds) {
  std::array<char, sizeof(ServiceMessage)> buffer;
  auto size = ReceivePacket(socket, absl::MakeSpan(buffer), fds);
  if (!size.ok() || *size == 0) return Errno(EIO);
  return DecodeServiceAnswer(absl::MakeConstSpan(buffer).first(*size), fds.count, kind, channel);
}

}  // namespace

Result<Fd> ServiceLink::ShakeHands() {
  absl::MutexLock lock(&mutex_);
  LimitWaiting(socket_.get());
  TRY(Send(socket_.get(), MakeServiceMessage(ServiceKind::kHello), {}));
  PacketFds events;
  TRY_ASSIGN(const ServiceMessage answer,
             ReceiveAnswer(socket_.get(), ServiceKind::kHello, 0, events));
  if (answer.error != 0) return Errno(EPROTO);
  return std::move(events.fds[0]);
}

Result<ServiceLink::NewChannel> ServiceLink::OpenChannel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Errno::Last();
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  TRY_ASSIGN(const Fd memory, SharedSlots::Create());
  TRY_ASSIGN(SharedSlots slots, SharedSlots::Map(memory));

  absl::MutexLock lock(&mutex_);
  const uint32_t id = ++last_channel_;
  TRY(Send(socket_.get(), MakeServiceMessage(ServiceKind::kNewChannel, id),
           {theirs.get(), memory.get()}));
  PacketFds none;
  TRY_ASSIGN(const ServiceMessage answer,
             ReceiveAnswer(socket_.get(), ServiceKind::kNewChannel, id, none));
  if (answer.error != 0) return Errno(answer.error);
  LimitWaiting(ours.get());
  PacketFds listener;
  TRY_ASSIGN(const ServiceMessage follower,
             ReceiveAnswer(ours.get(), ServiceKind::kFollower, 0, listener));
  if (follower.error != 0) return Errno(follower.error);
  return NewChannel{std::move(ours), std::move(slots), std::move(listener.fds[0]), id};
}

void ServiceLink::Cancel(uint32_t channel, uint32_t sequence) {
  // Without the lock: one packet is sent whole, and no answer comes. Not sent: the caller repeats.
  (void)Send(socket_.get(), MakeServiceMessage(ServiceKind::kCancel, channel, sequence), {}).ok();
}

}  // namespace moat::gofer
