// What a hostile gofer can answer the sentry. Two bytes say what was asked and how many descriptors
// came along; the sequence number asked for is 1.
#include <cstdlib>
#include <vector>

#include "gofer/protocol/reply.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  constexpr size_t kPrefix = 2;
  constexpr uint32_t kSequence = 1;
  if (input.size() < kPrefix) return;
  const auto operation = static_cast<gofer::Operation>(
      static_cast<unsigned char>(input[0]) % gofer::kLastOperation + 1);
  const size_t descriptors = static_cast<unsigned char>(input[1]);
  const std::vector<char> packet(input.begin() + kPrefix, input.end());
  const auto reply = gofer::DecodeReply(packet, descriptors, operation, kSequence);
  if (!reply.ok()) return;
  const bool is_value = reply->kind == gofer::ReplyKind::kValue;
  if (is_value != (reply->error == 0)) std::abort();
  if (reply->body.size() > gofer::kMaxReply) std::abort();
  if (reply->kind == gofer::ReplyKind::kCrossing && !gofer::IsVirtualPath(reply->body)) {
    std::abort();
  }
}

}  // namespace moat::fuzz
