// Copies of directories: for the mount option tmpcopyup, with which a tmpfs starts with what its
// target had, and where the kernel makes no overlay.
#ifndef MOAT_RUNTIME_ROOTFS_COPY_UP_H_
#define MOAT_RUNTIME_ROOTFS_COPY_UP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace moat::rootfs {

// Copies the content of directory `from` into directory `to`: directories, regular files, symlinks
// and named pipes with their owners, modes and times; not mounts below, sockets and devices.
// Nothing is followed, so what an image holds can't lead outside. The process's umask must be 0.
// Errors name the file; ENOSPC when `to` is too small.
absl::Status CopyUp(int from, int to);

// The same as far as the caller may read it, with what is mounted below, and with owners that the
// caller's user namespace has no ids for left out; without `left_out` (paths below `from`). EFBIG
// when it is more than `most_bytes`.
absl::Status CopyReadable(int from, int to, const std::vector<std::string>& left_out,
                          uint64_t most_bytes);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_COPY_UP_H_
