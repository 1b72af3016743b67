// The config's mounts, in two steps: their sources are taken while nothing of ours is mounted yet,
// then they are attached in the container's root in order.
#ifndef MOAT_RUNTIME_ROOTFS_CONFIG_MOUNTS_H_
#define MOAT_RUNTIME_ROOTFS_CONFIG_MOUNTS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/rootfs/mount_options.h"
#include "runtime/spec/spec.h"

namespace moat::rootfs {

struct ConfigMount {
  enum class Kind {
    kBind,        // `source` is a detached copy
    kFilesystem,  // made when attached
    kQueue,       // mqueue: the target is handed out
    kVirtual,     // proc, sysfs, cgroup: the sentry's
    kRemount,     // attributes of what is mounted on the target already
  };
  Kind kind = Kind::kFilesystem;
  std::string field;  // "mounts[3] (/data)", for errors
  std::string type;
  std::string destination;  // clean
  std::string source_name;  // as written
  MountOptions options;
  std::optional<namespaces::IdMaps> id_map;  // it is to be shown by
  std::string label;                         // SELinux context of a new file system, "": none
  Fd source;
  mode_t source_type = 0;  // S_IFMT bits of a bind's source
};

// Checks and prepares all of them; relative bind sources start at `bundle`. Errors name the field.
// The caller must be single-threaded.
absl::StatusOr<std::vector<ConfigMount>> PrepareMounts(const spec::Spec& spec,
                                                       const std::string& bundle);

// Attaches one; the target is made when missing. Returns the target for kQueue, else none.
absl::StatusOr<Fd> AttachMount(const ConfigMount& mount, const ContainerRoot& root,
                               const namespaces::IdMaps& ids);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_CONFIG_MOUNTS_H_
