// The caller's root directory: chroot(2).
#ifndef MOAT_SENTRY_FS_ROOT_DIRECTORY_H_
#define MOAT_SENTRY_FS_ROOT_DIRECTORY_H_

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"
#include "sentry/fs/place.h"

namespace moat::sentry {

// chroot(2). In the task's own context its root becomes a marker of sentry/exec/task_roots.h.
// A difference from Linux: a directory of /proc or /sys can't be a root, EPERM.
Outcome ChangeRoot(Call& call, const PathArg& where);

// An O_PATH descriptor of the container's root, whatever the caller's is.
Result<Fd> OpenContainerRoot(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_ROOT_DIRECTORY_H_
