// Programs with the set-user-ID or set-group-ID bit.
//
// The kernel heeds these bits only of a file on a mount of the caller's own mount namespace
// (mnt_may_suid, fs/namespace.c), and there the workload has nothing but the stub's tmpfs. So the
// caller first executes a copy of the stub that has the program's owner, group and bits, and the
// kernel does everything that it does for such a program: ids, capabilities, no_new_privs, tracers,
// dumpability. The stub then executes the program itself (PlanKind::kSetId), which keeps the ids
// that it has and finds AT_SECURE set, since they are not the real ones.
//
// File capabilities (setcap(8)) are not gained: only a supervisor with CAP_SETFCAP could give them
// to the copy.
#ifndef MOAT_SENTRY_EXEC_SET_ID_H_
#define MOAT_SENTRY_EXEC_SET_ID_H_

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// The copy of the stub to execute in place of `program`, opened through the caller's own mount;
// nothing when the bits of `program` would change nothing, or the copy can't be made (the program
// then runs with the caller's own rights).
std::optional<Fd> SetIdStub(Call& call, const Fd& program);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_SET_ID_H_
