// The mount calls on descriptors (fsopen(2), fsmount(2), open_tree(2), move_mount(2),
// mount_setattr(2); Linux 5.2, the last 5.12) with errors that name the object. A path of the
// container never reaches one of them: targets are descriptors (container_root.h).
#ifndef MOAT_RUNTIME_ROOTFS_MOUNT_CALLS_H_
#define MOAT_RUNTIME_ROOTFS_MOUNT_CALLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/rootfs/mount_options.h"

namespace moat::rootfs {

// A new file system as a detached mount. `attributes` are MOUNT_ATTR_*. Parameters in order; a key
// "source" names the device. On failure the message of the file system, if it gave one, is in the
// error.
absl::StatusOr<Fd> NewMount(const std::string& type, const std::vector<FsParameter>& parameters,
                            uint64_t attributes);

// A detached copy of the mount at `path` on the host (symlinks are followed), with everything
// mounted below when `recursive`.
absl::StatusOr<Fd> CopyTree(const std::string& path, bool recursive);
// The same for what `fd` refers to; `what` for errors.
absl::StatusOr<Fd> CopyTreeOf(int fd, bool recursive, const std::string& what);

// Attaches the detached `mount` on `target` (both of one kind, directory or not).
absl::Status Attach(int mount, int target, const std::string& what);

// `change` on the mount that `mount` is the root of.
absl::Status SetAttributes(int mount, const AttributeChange& change, bool recursive,
                           const std::string& what);
absl::Status SetPropagation(int mount, uint64_t propagation, bool recursive,
                            const std::string& what);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_MOUNT_CALLS_H_
