#include "gofer/protocol/reply.h"

#include <sys/stat.h>
#include <sys/statfs.h>

#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "gofer/protocol/rules.h"

namespace moat::gofer {
namespace {

constexpr int kMaxErrno = 4095;  // include/linux/err.h

bool BodyFits(const OperationRule& rule, size_t size) {
  switch (rule.body) {
    case ReplyBody::kNone:
      return size == 0;
    case ReplyBody::kStatx:
      return size == sizeof(struct statx);
    case ReplyBody::kStatfs:
      return size == sizeof(struct statfs);
    case ReplyBody::kBytes:
      return size <= rule.max_body;
  }
  return false;
}

bool ValueFits(const OperationRule& rule, const ReplyHeader& header) {
  if (header.error != 0) return false;
  const bool missing = rule.may_be_missing && header.value != 0;
  if ((header.descriptors == 1) != (rule.replies_descriptor && !missing)) return false;
  if (!rule.replies_value) return header.value == 0;
  return header.value >= 0 && header.value <= std::numeric_limits<int32_t>::max();
}

bool IsErrno(int error) { return error > 0 && error <= kMaxErrno; }

bool Fits(const OperationRule& rule, const ReplyHeader& header, absl::string_view body) {
  switch (static_cast<ReplyKind>(header.kind)) {
    case ReplyKind::kValue:
      return ValueFits(rule, header) && BodyFits(rule, body.size());
    case ReplyKind::kError:
      return IsErrno(header.error) && header.value == 0 && header.descriptors == 0 && body.empty();
    case ReplyKind::kCrossing:
      return header.error == ELOOP && header.value == 0 && header.descriptors == 0 &&
             IsVirtualPath(body);
  }
  return false;
}

bool StartsInDirectory(absl::string_view path, absl::string_view directory) {
  return absl::StartsWith(path, directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace

bool IsVirtualPath(absl::string_view path) {
  return path.size() <= kMaxCrossing && path.find('\0') == absl::string_view::npos &&
         (StartsInDirectory(path, "/proc") || StartsInDirectory(path, "/sys"));
}

ReplyHeader MakeReplyHeader(Operation operation, uint32_t sequence, bool descriptor,
                            const Reply& reply) {
  ReplyHeader header = {};
  header.version = kProtocolVersion;
  header.operation = static_cast<uint16_t>(operation);
  header.kind = static_cast<uint16_t>(reply.kind);
  header.sequence = sequence;
  header.error = reply.error;
  header.value = reply.value;
  header.body_size = static_cast<uint32_t>(reply.body.size());
  header.descriptors = descriptor ? 1 : 0;
  return header;
}

Result<Reply> DecodeReply(absl::Span<const char> packet, size_t descriptor_count,
                          Operation operation, uint32_t sequence) {
  const OperationRule* rule = FindRule(static_cast<uint16_t>(operation));
  ReplyHeader header;
  if (!rule || packet.size() < sizeof(header)) return Errno(EPROTO);
  std::memcpy(&header, packet.data(), sizeof(header));
  if (header.version != kProtocolVersion || header.sequence != sequence ||
      header.operation != static_cast<uint16_t>(operation)) {
    return Errno(EPROTO);
  }
  const absl::string_view body(packet.data() + sizeof(header), packet.size() - sizeof(header));
  if (header.body_size != body.size() || header.descriptors > 1 ||
      header.descriptors != descriptor_count || !Fits(*rule, header, body)) {
    return Errno(EPROTO);
  }
  return Reply{static_cast<ReplyKind>(header.kind), header.error, header.value, body};
}

}  // namespace moat::gofer
