// Rootless: what lets an ordinary user make containers.
#ifndef MOAT_RUNTIME_CLI_OWN_NAMESPACE_H_
#define MOAT_RUNTIME_CLI_OWN_NAMESPACE_H_

#include <sys/types.h>

#include "absl/status/status.h"

namespace moat::cli {

// Makes this process the root of a user and a mount namespace of its own, unless it is root
// already. The caller's id is 0 there; the ids that /etc/subuid and /etc/subgid give him follow, by
// newuidmap(1) and newgidmap(1). Without those programs, or when they give him none, 0 is the only
// id, and there are no groups to change. Then the program is executed anew with `argv`, so it
// returns only after an error. Root of a user namespace that has another's mounts gets a mount
// namespace and goes on. Must be called while there is one thread.
absl::Status BecomeRootOfOwnNamespace(char** argv);

// For an ordinary user who is to come into a container that he made so: makes this process the root
// of the same user namespace, and executes the program anew. Does nothing for root. `sentry`: the
// container's.
absl::Status JoinOwnNamespace(pid_t sentry, char** argv);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_OWN_NAMESPACE_H_
