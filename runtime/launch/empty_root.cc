#include "runtime/launch/empty_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/status.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::launch {

absl::StatusOr<Fd> MountOwnProc() {
  absl::StatusOr<Fd> proc = rootfs::NewMount(
      "proc", {{"source", "proc"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (StatusErrno(proc.status()) == EPERM) {
    return Annotate(proc.status(),
                    "a procfs of the container can't be mounted; the caller's /proc must not be "
                    "masked or read-only in parts (a nested container needs unmasked /proc)");
  }
  return proc;
}

// The copy is taken once the mount is attached: older kernels copy no detached one.
absl::StatusOr<Fd> EnterEmptyRoot(bool set_id) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    return ErrnoStatus(errno, "mount", "/ as private");
  }
  const uint64_t no_set_id = set_id ? 0 : MOUNT_ATTR_NOSUID;
  ASSIGN_OR_RETURN(const Fd tmpfs, rootfs::NewMount("tmpfs", {{"source", "moat"}, {"mode", "0755"}},
                                                    no_set_id | MOUNT_ATTR_NODEV));
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, "open", "/");
  RETURN_IF_ERROR(rootfs::Attach(tmpfs.get(), root.get(), "the empty root"));
  ASSIGN_OR_RETURN(Fd writable, rootfs::CopyTreeOf(tmpfs.get(), false, "the empty root"));
  RETURN_IF_ERROR(
      rootfs::SetAttributes(tmpfs.get(), {MOUNT_ATTR_RDONLY, 0}, false, "the empty root"));
  if (::fchdir(tmpfs.get()) < 0) return ErrnoStatus(errno, "fchdir", "the empty root");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) {
    return ErrnoStatus(errno, "pivot_root", "the empty root");
  }
  if (::umount2(".", MNT_DETACH) < 0) return ErrnoStatus(errno, "umount2", "the host's tree");
  if (::chdir("/") < 0) return ErrnoStatus(errno, "chdir", "/");
  return writable;
}

}  // namespace moat::launch
