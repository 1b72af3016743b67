// The resolver's end of the boot protocol (base/boot.h, "moat-resolver"). Not thread-safe.
#ifndef MOAT_RESOLVER_BOOT_H_
#define MOAT_RESOLVER_BOOT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/policy.h"

namespace moat::resolver {

struct Boot {
  Fd user_namespace;  // A
  Fd questions;       // bound, in the container's network
  Fd connections;     // listening, there
  Fd sentry;          // hangs up with it
  Fd map;             // BPF, of policies/container/egress_names.h
  Fd log;
  policies::Egress egress;
  std::vector<policies::EndPoint> servers;  // not empty
};

// Waits for the boot message on `socket` and takes it apart; anything unexpected is an error.
absl::StatusOr<Boot> ReceiveBoot(int socket);

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_BOOT_H_
