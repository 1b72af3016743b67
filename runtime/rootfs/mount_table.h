// The container's mount table as the workload is to read it: lines of mountinfo(5) that tell of the
// container's paths and of nothing on the host. Pure.
#ifndef MOAT_RUNTIME_ROOTFS_MOUNT_TABLE_H_
#define MOAT_RUNTIME_ROOTFS_MOUNT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::rootfs {

// `kernel_table` is mountinfo of N_c after the pivot. Roots of bind mounts, host devices and file
// system options that hold host paths are taken out. The tmpfs mounts on /proc and /sys appear as
// procfs and sysfs, and the config's cgroup mount is added.
std::vector<std::string> ContainerMountTable(absl::string_view kernel_table,
                                             const std::vector<spec::Mount>& mounts);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_MOUNT_TABLE_H_
