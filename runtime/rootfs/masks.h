// linux.maskedPaths and linux.readonlyPaths in the container's tree. Those below /proc and /sys are
// the sentry's (virtual_mounts.h, SplitVirtual).
#ifndef MOAT_RUNTIME_ROOTFS_MASKS_H_
#define MOAT_RUNTIME_ROOTFS_MASKS_H_

#include <string>

#include "absl/status/status.h"
#include "runtime/rootfs/container_root.h"

namespace moat::rootfs {

// Hides what is at `path`: a directory under an empty read-only tmpfs, anything else under
// `null_device`, a descriptor of a /dev/null of our own making (its identity is checked). Nothing
// there: nothing to do.
absl::Status MaskPath(const ContainerRoot& root, const std::string& path, int null_device);

// Makes what is at `path`, with all mounts below, read-only. Nothing there: nothing to do.
absl::Status MakeReadOnly(const ContainerRoot& root, const std::string& path);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_MASKS_H_
