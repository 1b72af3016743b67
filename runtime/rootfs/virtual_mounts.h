// /proc and /sys of the container as the gofer has them: read-only tmpfs mounts whose names are
// symlinks to themselves, so that every ordinary walk into them ends in ELOOP and the sentry
// answers instead (docs/ARCHITECTURE.md, "Crossing").
#ifndef MOAT_RUNTIME_ROOTFS_VIRTUAL_MOUNTS_H_
#define MOAT_RUNTIME_ROOTFS_VIRTUAL_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/rootfs/container_root.h"

namespace moat::rootfs {

// Whether the sentry answers for `path` (clean).
bool IsVirtual(absl::string_view path);

// The paths among `paths` that the sentry is to answer for, and the others.
struct SplitPaths {
  std::vector<std::string> for_sentry;
  std::vector<std::string> in_tree;
};
SplitPaths SplitVirtual(const std::vector<std::string>& paths);

// Mounts both. The targets must be directories, not symlinks; missing ones are made.
absl::Status MountVirtual(const ContainerRoot& root);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_VIRTUAL_MOUNTS_H_
