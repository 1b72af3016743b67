// The container's /dev: device nodes and links (runtime-spec config-linux.md, "Default Devices" and
// "Dev symbolic links").
//
// Nodes live in a tmpfs whose superblock belongs to the caller's user namespace: only there does
// the kernel let a process of a nested one open them.
#ifndef MOAT_RUNTIME_ROOTFS_DEVICE_FILES_H_
#define MOAT_RUNTIME_ROOTFS_DEVICE_FILES_H_

#include "absl/status/status.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/spec/spec.h"

namespace moat::rootfs {

// Makes what is missing. A file that is already there must be the same device (or the link is left
// as it is), else an error.
absl::Status FillDev(const ContainerRoot& root, const spec::Linux& config,
                     const namespaces::IdMaps& ids);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_DEVICE_FILES_H_
