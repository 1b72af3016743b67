// Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP, Linux 5.12): a mount that shows other
// owners than its file system has.
#ifndef MOAT_RUNTIME_ROOTFS_ID_MAPPED_H_
#define MOAT_RUNTIME_ROOTFS_ID_MAPPED_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/namespaces/id_map.h"

namespace moat::rootfs {

// The mappings by which the config's mount is to be shown: its own, or else those of the
// container's user namespace (runtime-spec config.md, "idmap"). An error when there is only one of
// uid and gid, or neither and no mapping of the container's.
absl::StatusOr<namespaces::IdMaps> MappingsOf(const spec::Mount& mount, const spec::Linux& config);

// Maps the detached `mount`: an owner that is number c of a range on the file system appears as the
// caller's number h of it. The caller must be single-threaded.
absl::Status MapIds(int mount, const namespaces::IdMaps& ids, bool recursive,
                    const std::string& what);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_ID_MAPPED_H_
