#include "gofer/server/virtual_mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"

namespace moat::gofer {
namespace {

constexpr uint32_t kUniqueMountId = 0x4000;  // STATX_MNT_ID_UNIQUE, Linux 6.8

// 0 when the kernel does not know `kind`.
Result<uint64_t> MountId(int directory, uint32_t kind) {
  struct statx attributes;
  if (::statx(directory, "", AT_EMPTY_PATH, kind, &attributes) < 0) return Errno::Last();
  return (attributes.stx_mask & kind) != 0 ? attributes.stx_mnt_id : 0;
}

}  // namespace

Result<VirtualMounts> VirtualMounts::Learn(int container_root) {
  VirtualMounts learned;
  TRY_ASSIGN(const uint64_t root_id, MountId(container_root, STATX_MNT_ID));
  if (root_id == 0) return Errno(ENOSYS);  // before Linux 5.8
  for (Mount& mount : learned.mounts_) {
    const char* relative = mount.name.data() + 1;
    const Fd directory(
        ::openat(container_root, relative, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct statfs file_system;
    if (!directory || ::fstatfs(directory.get(), &file_system) < 0) continue;
    TRY_ASSIGN(const uint64_t id, MountId(directory.get(), STATX_MNT_ID));
    if (id == root_id || file_system.f_type != TMPFS_MAGIC) continue;
    mount.id = id;
    TRY_ASSIGN(mount.unique_id, MountId(directory.get(), kUniqueMountId));
    learned.any_ = true;
  }
  return learned;
}

absl::string_view VirtualMounts::NameOf(uint64_t mount_id) const {
  if (mount_id == 0) return {};
  for (const Mount& mount : mounts_) {
    if (mount.id == mount_id || mount.unique_id == mount_id) return mount.name;
  }
  return {};
}

}  // namespace moat::gofer
