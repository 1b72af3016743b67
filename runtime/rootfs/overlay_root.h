// The root of a RootPlan: a skeleton and overlays, all writing to one tmpfs.
#ifndef MOAT_RUNTIME_ROOTFS_OVERLAY_ROOT_H_
#define MOAT_RUNTIME_ROOTFS_OVERLAY_ROOT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/rootfs/root_plan.h"

namespace moat::rootfs {

// The upper layer of one overlay.
struct UpperLayer {
  std::string destination;
  Fd directory;  // readable
};

// The detached mount to become the root: the overlay for "/" when the plan has one, else an empty
// skeleton. `staging` is a mounted, empty tmpfs that holds the upper layers (of size
// plan.upper_size); the layer of "/", or the skeleton itself, is added to `uppers`.
absl::StatusOr<Fd> MakePlannedRoot(const RootPlan& plan, int staging,
                                   std::vector<UpperLayer>& uppers);

// Directories, symlinks and all other overlays, in the attached `root`.
absl::Status FillPlannedRoot(const RootPlan& plan, int staging, const ContainerRoot& root,
                             std::vector<UpperLayer>& uppers);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_OVERLAY_ROOT_H_
