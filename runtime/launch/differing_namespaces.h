// Which namespaces of a running container a process has to join.
#ifndef MOAT_RUNTIME_LAUNCH_DIFFERING_NAMESPACES_H_
#define MOAT_RUNTIME_LAUNCH_DIFFERING_NAMESPACES_H_

#include "absl/status/statusor.h"

namespace moat::launch {

// CLONE_NEW* of those of the process behind `pidfd` that are not the caller's own, as setns(2)
// takes them; user, pid and mount namespaces in any case: moat never shares those.
//
// One that is shared must not be joined again: setns(2) asks for CAP_SYS_ADMIN over it all the
// same, and an ordinary user has none over the host's. Its time namespace is shared by nearly all.
absl::StatusOr<int> DifferingNamespaces(int pidfd);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_DIFFERING_NAMESPACES_H_
