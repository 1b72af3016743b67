// Operations on two paths: rename and link.
#ifndef MOAT_SENTRY_FS_TWO_PATHS_H_
#define MOAT_SENTRY_FS_TWO_PATHS_H_

#include <cstdint>

#include "sentry/call.h"
#include "sentry/fs/place.h"

namespace moat::sentry {

// renameat2(2). /proc and /sys are file systems of their own: EXDEV between them and the rest, and
// within them what procfs says.
Outcome RenamePaths(Call& call, const PathArg& from, const PathArg& to, uint32_t flags);

// linkat(2). Also gives a name to what a descriptor refers to (open(2), O_TMPFILE): through
// AT_EMPTY_PATH, or through /proc/self/fd/N with AT_SYMLINK_FOLLOW.
Outcome LinkPaths(Call& call, const PathArg& from, const PathArg& to, int at_flags);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_TWO_PATHS_H_
