// The mount option tmpcopyup: a tmpfs starts with what its target had.
#ifndef MOAT_RUNTIME_ROOTFS_COPY_UP_H_
#define MOAT_RUNTIME_ROOTFS_COPY_UP_H_

#include "absl/status/status.h"

namespace moat::rootfs {

// Copies the content of directory `from` into directory `to`: directories, regular files, symlinks
// and named pipes with their owners, modes and times; not mounts below, sockets and devices.
// Nothing is followed, so what an image holds can't lead outside. The process's umask must be 0.
// Errors name the file; ENOSPC when `to` is too small.
absl::Status CopyUp(int from, int to);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_COPY_UP_H_
