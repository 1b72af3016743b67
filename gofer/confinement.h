// How the gofer's process gets from its caller's privileges into its cage. Single-threaded, at
// start; every step is final.
#ifndef MOAT_GOFER_CONFINEMENT_H_
#define MOAT_GOFER_CONFINEMENT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "gofer/server/identity.h"

namespace moat::gofer {

struct Cage {
  Fd user_namespace;          // A
  Fd mount_namespace;         // N_c, owned by the caller's user namespace
  Fd network_namespace;       // owned by A
  uint64_t capabilities = 0;  // the most that a caller in the container may have
};

// Limits, signals and session: what needs no namespace. Standard input and output become
// /dev/null and standard error becomes `log`, so that no file of the container can get those
// numbers.
absl::Status PrepareProcess(int log);

// Enters the cage's namespaces, becomes uid 0 of A, and gives up every capability but
// `capabilities` (as far as they concern files) and kOwnCapabilities | kRaisableCapabilities.
// Returns what the server may do for callers.
absl::StatusOr<IdentityPolicy> EnterCage(const Cage& cage);

// Closes every descriptor but 0 to 2 and `kept`.
absl::Status CloseAllBut(int kept);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CONFINEMENT_H_
