#include "runtime/rootfs/masks.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/status.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::rootfs {
namespace {

bool IsMissing(const absl::Status& status) {
  return StatusErrno(status) == ENOENT || StatusErrno(status) == ENOTDIR;
}

absl::Status CheckNullDevice(int fd) {
  struct stat attributes;
  if (::fstat(fd, &attributes) < 0) return ErrnoStatus(errno, "fstat", "the null device");
  if (!S_ISCHR(attributes.st_mode) || attributes.st_rdev != ::makedev(1, 3)) {
    return absl::InternalError("the file to mask with is not the null device");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MaskPath(const ContainerRoot& root, const std::string& path, int null_device) {
  absl::StatusOr<Fd> target = root.Open(path);
  if (IsMissing(target.status())) return absl::OkStatus();
  if (!target.ok()) return target.status();
  struct stat attributes;
  if (::fstat(target->get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  if (S_ISDIR(attributes.st_mode)) {
    ASSIGN_OR_RETURN(const Fd empty, NewMount("tmpfs", {{"mode", "0555"}, {"size", "4k"}},
                                              MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    return Attach(empty.get(), target->get(), path);
  }
  RETURN_IF_ERROR(CheckNullDevice(null_device));
  ASSIGN_OR_RETURN(const Fd copy, CopyTreeOf(null_device, false, "the null device"));
  RETURN_IF_ERROR(CheckNullDevice(copy.get()));
  return Attach(copy.get(), target->get(), path);
}

absl::Status MakeReadOnly(const ContainerRoot& root, const std::string& path) {
  absl::StatusOr<Fd> target = root.Open(path);
  if (IsMissing(target.status())) return absl::OkStatus();
  if (!target.ok()) return target.status();
  ASSIGN_OR_RETURN(const Fd copy, CopyTreeOf(target->get(), true, path));
  RETURN_IF_ERROR(SetAttributes(copy.get(), {MOUNT_ATTR_RDONLY, 0}, true, path));
  return Attach(copy.get(), target->get(), path);
}

}  // namespace moat::rootfs
