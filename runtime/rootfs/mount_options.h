// The options of an OCI mount (runtime-spec config.md, "Linux mount options"), sorted by what
// carries them out. Pure.
#ifndef MOAT_RUNTIME_ROOTFS_MOUNT_OPTIONS_H_
#define MOAT_RUNTIME_ROOTFS_MOUNT_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moat::rootfs {

// Flags for mount_setattr(2): MOUNT_ATTR_*. Whatever is in `set` is not in `clear`, but for the
// atime field, which is cleared to be set anew.
struct AttributeChange {
  uint64_t set = 0;
  uint64_t clear = 0;
  bool empty() const { return set == 0 && clear == 0; }
};

// A parameter of a file system: a flag, or key=value.
struct FsParameter {
  std::string key;
  std::optional<std::string> value;
};

struct MountOptions {
  bool bind = false;
  bool recursive = false;                // rbind
  bool remount = false;                  // change what is mounted there already
  bool copy_up = false;                  // tmpcopyup
  bool id_mapped = false;                // idmap, ridmap
  bool id_mapped_recursive = false;      // ridmap
  AttributeChange attributes;            // of the mount itself
  AttributeChange recursive_attributes;  // rro, rnosuid, ...: of all mounts below as well
  uint64_t propagation = 0;  // MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE; 0: default
  bool propagation_recursive = false;
  bool read_only_fs = false;            // a new file system is made read-only as such, too
  bool asks_for_devices = false;        // "dev" was written
  std::vector<FsParameter> parameters;  // everything else goes to the file system
};

// Of two options that contradict each other the later one counts.
MountOptions ParseMountOptions(const std::vector<std::string>& options);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_MOUNT_OPTIONS_H_
