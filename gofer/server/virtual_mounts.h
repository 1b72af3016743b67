// The two mounts of the container's tree that the sentry answers: /proc and /sys.
//
// Both are read-only tmpfs holding symlinks to themselves (docs/ARCHITECTURE.md, "Crossing").
// Either may be absent; then a walk there is an ordinary one.
#ifndef MOAT_GOFER_SERVER_VIRTUAL_MOUNTS_H_
#define MOAT_GOFER_SERVER_VIRTUAL_MOUNTS_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/result.h"

namespace moat::gofer {

// Constant after Learn; thread-safe.
class VirtualMounts {
 public:
  // Looks /proc and /sys up under the container's root. To be called before the workload runs.
  static Result<VirtualMounts> Learn(int container_root);

  // "/proc", "/sys", or empty when `mount_id` (statx STATX_MNT_ID or STATX_MNT_ID_UNIQUE: the
  // kernel keeps the two ranges apart) is neither.
  absl::string_view NameOf(uint64_t mount_id) const;
  bool any() const { return any_; }

 private:
  struct Mount {
    absl::string_view name;
    uint64_t id = 0;
    uint64_t unique_id = 0;  // 0 before Linux 6.8
  };

  std::array<Mount, 2> mounts_ = {Mount{"/proc"}, Mount{"/sys"}};
  bool any_ = false;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_VIRTUAL_MOUNTS_H_
