#include "sentry/confinement.h"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "base/status.h"

namespace moat::sentry {
namespace {

// Any directory will do as the place to build the new root on; this one is on every machine that
// moat can run on.
constexpr char kMountPoint[] = "/proc";

absl::Status Mount(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* data) {
  if (::mount(source, target, type, flags, data) < 0) {
    return ErrnoStatus(errno, "mount", target);
  }
  return absl::OkStatus();
}

absl::Status MakeDirectory(const char* path) {
  if (::mkdir(path, 0755) < 0) return ErrnoStatus(errno, "mkdir", path);
  return absl::OkStatus();
}

absl::Status MountProc(int detached) {
  if (detached < 0) {
    return Mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  }
  if (::syscall(SYS_move_mount, detached, "", AT_FDCWD, "proc", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return ErrnoStatus(errno, "move_mount", "proc");
  }
  return absl::OkStatus();
}

// Mounts a tmpfs somewhere in this mount namespace, goes in, and detaches what was below:
// pivot_root(".", ".") as in pivot_root(2), NOTES.
absl::Status PivotIntoTmpfs(int proc) {
  RETURN_IF_ERROR(Mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  RETURN_IF_ERROR(
      Mount("moat-sentry", kMountPoint, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755"));
  if (::chdir(kMountPoint) < 0) return ErrnoStatus(errno, "chdir", "the new root");
  RETURN_IF_ERROR(MakeDirectory("proc"));
  RETURN_IF_ERROR(MakeDirectory("virtual"));
  RETURN_IF_ERROR(
      Mount("moat-virtual", "virtual", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755"));
  RETURN_IF_ERROR(MountProc(proc));
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return ErrnoStatus(errno, "pivot_root", ".");
  if (::umount2(".", MNT_DETACH) < 0) return ErrnoStatus(errno, "umount2", "the host's tree");
  if (::chdir("/") < 0) return ErrnoStatus(errno, "chdir", "/");
  return absl::OkStatus();
}

// The workload gets descriptors of directories through this mount, so it is read-only and leads
// nowhere (open_tree(2), mount_setattr(2)).
absl::StatusOr<Fd> DetachedReadOnlyView(const char* path) {
  Fd view(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!view) return ErrnoStatus(errno, "open_tree", path);
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, view.get(), "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) <
      0) {
    return ErrnoStatus(errno, "mount_setattr", path);
  }
  return view;
}

absl::Status DropCapabilities() {
  // Each number up to the kernel's last; EINVAL ends the row.
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> none(::cap_init(),
                                                                           ::cap_free);
  if (!none || ::cap_set_proc(none.get()) < 0) return ErrnoStatus(errno, "capset", "");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OwnRoot> EnterOwnRoot(int proc) {
  ::umask(0);
  RETURN_IF_ERROR(PivotIntoTmpfs(proc));
  OwnRoot root;
  root.proc.Reset(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  root.scratch.Reset(::open("/virtual", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.proc || !root.scratch) return ErrnoStatus(errno, "open", "/proc and /virtual");
  ASSIGN_OR_RETURN(root.scratch_view, DetachedReadOnlyView("/virtual"));
  return root;
}

absl::Status DropPrivileges() {
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  const rlimit none = {0, 0};
  for (const auto unused :
       {RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO}) {
    ::setrlimit(unused, &none);
  }
  RETURN_IF_ERROR(DropCapabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_SET_NO_NEW_PRIVS");
  }
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_SET_DUMPABLE");
  }
  return absl::OkStatus();
}

}  // namespace moat::sentry
