// Answers of rtnetlink, read in a network namespace that others may have filled.
#include <cstdlib>

#include "runtime/namespaces/netlink.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  if (input.empty()) return;
  const size_t header = static_cast<unsigned char>(input[0]);
  const absl::string_view body = input.substr(1);
  size_t total = 0;
  for (const auto& attribute : namespaces::ParseAttributes(body, header)) {
    total += attribute.data.size();
  }
  if (total > body.size()) std::abort();
}

}  // namespace moat::fuzz
