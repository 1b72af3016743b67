// How moat-sentry gives up what it was started with: the host's file system, its capabilities, its
// descriptors.
#ifndef MOAT_SENTRY_CONFINEMENT_H_
#define MOAT_SENTRY_CONFINEMENT_H_

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::sentry {

struct OwnRoot {
  Fd proc;          // procfs of P_A
  Fd scratch;       // an empty tmpfs for the virtual tree
  Fd scratch_view;  // a read-only mount of the same that is attached nowhere: ".." ends in it
};

// Replaces the root of this process by a fresh tmpfs that holds a procfs of its own pid namespace
// and an empty directory; everything of the host is unmounted. Needs CAP_SYS_ADMIN in the owner of
// the mount namespace; single-threaded. `proc`: that procfs as a detached mount; -1: mounts one,
// which takes the same capability in the owner of the pid namespace.
absl::StatusOr<OwnRoot> EnterOwnRoot(int proc);

// Drops every capability (bounding set included), sets no_new_privs, raises the descriptor limit to
// its hard limit, turns dumping off. Single-threaded.
absl::Status DropPrivileges();

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_CONFINEMENT_H_
