// open(2), wherever the path leads: the container's tree, /proc and /sys, a descriptor, a terminal.
#ifndef MOAT_SENTRY_FS_OPEN_FILE_H_
#define MOAT_SENTRY_FS_OPEN_FILE_H_

#include <cstdint>

#include "base/result.h"
#include "sentry/call.h"
#include "sentry/fs/place.h"

namespace moat::sentry {

// Checked by the caller: only flags that Linux knows (sentry/syscalls/open_how.h).
struct OpenRequest {
  PathArg where;
  uint64_t flags = 0;
  uint32_t mode = 0;
  uint64_t resolve = 0;  // RESOLVE_*
};

// Opens and gives the caller the descriptor; the answer to the trap.
Outcome OpenForCaller(Call& call, const OpenRequest& request);

// Opens for the sentry's own use, under the caller's credentials.
Result<gofer::Opened> OpenFile(Call& call, const OpenRequest& request);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_OPEN_FILE_H_
