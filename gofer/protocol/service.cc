#include "gofer/protocol/service.h"

#include <cstring>

namespace moat::gofer {
namespace {

constexpr int kMaxErrno = 4095;

Result<ServiceMessage> Decode(absl::Span<const char> packet) {
  ServiceMessage message;
  if (packet.size() != sizeof(message)) return Errno(EPROTO);
  std::memcpy(&message, packet.data(), sizeof(message));
  if (message.version != kProtocolVersion || message.reserved != 0) return Errno(EPROTO);
  return message;
}

}  // namespace

ServiceMessage MakeServiceMessage(ServiceKind kind, uint32_t channel, uint32_t sequence,
                                  int error) {
  ServiceMessage message = {};
  message.version = kProtocolVersion;
  message.kind = static_cast<uint32_t>(kind);
  message.channel = channel;
  message.sequence = sequence;
  message.error = error;
  return message;
}

Result<ServiceMessage> DecodeServiceRequest(absl::Span<const char> packet,
                                            size_t descriptor_count) {
  TRY_ASSIGN(const ServiceMessage message, Decode(packet));
  bool fits = false;
  switch (static_cast<ServiceKind>(message.kind)) {
    case ServiceKind::kHello:
      fits = message.channel == 0 && message.sequence == 0 && descriptor_count == 0;
      break;
    case ServiceKind::kNewChannel:
      fits = message.channel != 0 && message.sequence == 0 && descriptor_count == 2;
      break;
    case ServiceKind::kCancel:
      fits = message.channel != 0 && message.sequence != 0 && descriptor_count == 0;
      break;
    case ServiceKind::kFollower:
      break;
  }
  if (!fits || message.error != 0) return Errno(EPROTO);
  return message;
}

Result<ServiceMessage> DecodeServiceAnswer(absl::Span<const char> packet, size_t descriptor_count,
                                           ServiceKind kind, uint32_t channel) {
  TRY_ASSIGN(const ServiceMessage message, Decode(packet));
  if (message.kind != static_cast<uint32_t>(kind) || message.channel != channel ||
      message.sequence != 0 || message.error < 0 || message.error > kMaxErrno) {
    return Errno(EPROTO);
  }
  const size_t wanted = kind == ServiceKind::kFollower && message.error == 0 ? 1 : 0;
  const size_t most = kind == ServiceKind::kHello && message.error == 0 ? 1 : wanted;
  if (descriptor_count < wanted || descriptor_count > most) return Errno(EPROTO);
  return message;
}

}  // namespace moat::gofer
