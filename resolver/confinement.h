// How the resolver's process gets from its caller's privileges into its cage. Single-threaded, at
// start; every step is final.
#ifndef MOAT_RESOLVER_CONFINEMENT_H_
#define MOAT_RESOLVER_CONFINEMENT_H_

#include <vector>

#include "absl/status/status.h"
#include "base/fd.h"
#include "policies/container/network.h"

namespace moat::resolver {

// Limits, session, standard error; and an empty, read-only root of its own.
absl::Status PrepareProcess(int log);

// Enters user namespace A, and IPC and UTS namespaces of its own, without any capability. The
// network namespace stays the caller's: there the DNS servers are, whose ports are the only ones
// that it can still connect to.
absl::Status EnterCage(const Fd& user_namespace, const std::vector<policies::EndPoint>& servers);

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_CONFINEMENT_H_
