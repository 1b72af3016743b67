// Programs with the set-user-ID or set-group-ID bit, or with file capabilities (setcap(8)).
//
// The kernel heeds these bits only of a file on a mount of the caller's own mount namespace
// (mnt_may_suid, fs/namespace.c), and there the workload has nothing but the stub's tmpfs. So the
// caller first executes a copy of the stub that has the program's owner, group and bits, and the
// kernel does everything that it does for such a program: ids, capabilities, no_new_privs, tracers,
// dumpability. The stub then executes the program itself (PlanKind::kSetId), which keeps the ids
// that it has and finds AT_SECURE set, since they are not the real ones.
//
// File capabilities are given to the copy as well, and the kernel decides by them what the caller
// gains. The exec of the program itself, which has none that the kernel heeds, would lose them: so
// they are made ambient for that one exec, and taken out of the ambient and inheritable sets again
// before the program's first instruction (KeepCapabilities).
#ifndef MOAT_SENTRY_EXEC_SET_ID_H_
#define MOAT_SENTRY_EXEC_SET_ID_H_

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

struct SetIdStub {
  Fd file;  // opened through the caller's own mount
  bool has_capabilities = false;
};

// The copy of the stub to execute in place of `program`; nothing when `program` would change
// nothing, or the copy can't be made (the program then runs with the caller's own rights). With
// file capabilities the latter is so where the container has no CAP_SETFCAP.
std::optional<SetIdStub> FindSetIdStub(Call& call, const Fd& program);

// Makes all that the task is permitted ambient, so that the next exec keeps it. What the task has
// until then.
Result<platform::FileRights> KeepCapabilities(Call& call, platform::Session& session);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_SET_ID_H_
