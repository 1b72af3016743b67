// The workload's root: one read-only tmpfs (docs/ARCHITECTURE.md). Called by the container's init
// in its own user, pid and mount namespaces, before the filter.
#ifndef MOAT_RUNTIME_LAUNCH_EMPTY_ROOT_H_
#define MOAT_RUNTIME_LAUNCH_EMPTY_ROOT_H_

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::launch {

// A detached procfs of this process's pid namespace. The kernel allows it in a user namespace only
// while a procfs that hides nothing is mounted here (mount_namespaces(7)), so: before
// EnterEmptyRoot.
absl::StatusOr<Fd> MountOwnProc();

// Replaces everything in this mount namespace by the tmpfs. Returns a detached read-write mount of
// it. `set_id`: copies of the stub in it may give the rights of a set-user-ID program
// (sentry/exec/set_id.h); otherwise it is nosuid.
absl::StatusOr<Fd> EnterEmptyRoot(bool set_id);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_EMPTY_ROOT_H_
