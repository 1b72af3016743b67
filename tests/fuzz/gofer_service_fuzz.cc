// The service socket between sentry and gofer, both ways. The first byte says how many descriptors
// came along and what the sentry had asked for.
#include <vector>

#include "gofer/protocol/service.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  constexpr unsigned kKinds = 4;
  if (input.empty()) return;
  const unsigned prefix = static_cast<unsigned char>(input[0]);
  const std::vector<char> packet(input.begin() + 1, input.end());
  const size_t descriptors = prefix / kKinds;
  (void)gofer::DecodeServiceRequest(packet, descriptors).ok();
  const auto kind = static_cast<gofer::ServiceKind>(prefix % kKinds + 1);
  (void)gofer::DecodeServiceAnswer(packet, descriptors, kind, 1).ok();
}

}  // namespace moat::fuzz
