// Replies: encoding and decoding. Pure functions, no allocation; thread-safe.
#ifndef MOAT_GOFER_PROTOCOL_REPLY_H_
#define MOAT_GOFER_PROTOCOL_REPLY_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/result.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {

struct Reply {
  ReplyKind kind = ReplyKind::kValue;
  int error = 0;  // an errno unless kValue
  int64_t value = 0;
  absl::string_view body;  // borrowed
};

// The header that goes before `reply.body`.
ReplyHeader MakeReplyHeader(Operation operation, uint32_t sequence, bool descriptor,
                            const Reply& reply);

// Takes apart the answer to request `sequence` of kind `operation`. The result borrows from
// `packet`. EPROTO when it is anything but a well-formed answer to just that request.
Result<Reply> DecodeReply(absl::Span<const char> packet, size_t descriptor_count,
                          Operation operation, uint32_t sequence);

// Whether `path` may be a Crossing: absolute, in /proc or /sys, no NUL, not too long.
bool IsVirtualPath(absl::string_view path);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_REPLY_H_
