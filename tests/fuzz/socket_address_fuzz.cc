// Addresses that the workload gives to connect, bind and sendto.
#include <cstdlib>

#include "sentry/net/network_rules.h"
#include "sentry/net/socket_address.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  (void)sentry::InternetEndPoint(input);
  const auto path = sentry::UnixSocketPath(input);
  if (!path) return;
  // A path of sun_path's size at most, without the NUL that ends it.
  constexpr size_t kPathSize = 108;
  if (path->empty() || path->size() > kPathSize) std::abort();
  if (path->find('\0') != std::string::npos) std::abort();
}

}  // namespace moat::fuzz
