// What a path says about itself, wherever it leads: the reading half of the path calls.
#ifndef MOAT_SENTRY_FS_ATTRIBUTES_H_
#define MOAT_SENTRY_FS_ATTRIBUTES_H_

#include <sys/stat.h>
#include <sys/statfs.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sentry/call.h"
#include "sentry/fs/place.h"

namespace moat::sentry {

// statx(2). `at_flags`: AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_*.
Result<struct statx> StatPath(Call& call, const PathArg& where, int at_flags, uint32_t mask);

// statfs(2). /proc and /sys answer as procfs and sysfs.
Result<struct statfs> StatFsPath(Call& call, const PathArg& where);
// What a file of the virtual tree with this magic number (VirtualTree::MagicOf) answers.
struct statfs VirtualStatFs(long magic);

// access(2) with the caller's real ids, or with AT_EACCESS in `at_flags` the effective ones.
Result<Unit> CheckAccess(Call& call, const PathArg& where, int mode, int at_flags);

// readlink(2), not truncated.
Result<std::string> ReadLinkPath(Call& call, const PathArg& where);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_ATTRIBUTES_H_
