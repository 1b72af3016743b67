// What a hostile sentry can send the gofer. The first byte is the number of descriptors that come
// along. What is accepted must keep the wire format's promises and survive being encoded again.
#include <cstdlib>
#include <string>
#include <vector>

#include "gofer/protocol/request.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

bool EndsWithNul(absl::string_view text) { return text.data()[text.size()] == '\0'; }

std::string Encode(const gofer::Request& request) {
  std::string packet;
  const gofer::EncodedRequest encoded(request);
  for (const iovec& part : encoded.parts()) {
    packet.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return packet;
}

void CheckPromises(const gofer::Request& request) {
  Require(request.sequence != 0);
  Require(request.groups.size() <= gofer::kMaxGroups);
  Require(request.path.size() <= gofer::kMaxPath && EndsWithNul(request.path));
  Require(request.second.size() <= gofer::kMaxPath && EndsWithNul(request.second));
  Require(request.path.find('\0') == absl::string_view::npos);
  Require(request.data.size() <= gofer::kMaxDatagram);
}

}  // namespace

void Run(absl::string_view input) {
  if (input.empty()) return;
  const size_t descriptors = static_cast<unsigned char>(input[0]);
  // As the gofer has it: in memory of its own, which it keeps aligned.
  const std::vector<char> packet(input.begin() + 1, input.end());
  const auto request = gofer::DecodeRequest(packet, descriptors);
  if (!request.ok()) return;
  CheckPromises(request.value());
  Require(Encode(request.value()) == std::string(packet.begin(), packet.end()));
}

}  // namespace moat::fuzz
