#include "runtime/rootfs/overlay_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/rootfs/copy_up.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::rootfs {
namespace {

std::string FdPath(const Fd& fd) { return absl::StrCat("/proc/self/fd/", fd.get()); }

// Then overlay's own attributes are user.overlay.*: trusted.* is for the machine's root.
bool InUserNamespace() {
  constexpr size_t kMaxIdMap = 64 * 1024;
  const auto map = ReadFile("/proc/self/uid_map", kMaxIdMap);
  return map.ok() && !absl::StrContains(*map, "4294967295");
}

absl::StatusOr<Fd> MakeAndOpen(int parent, const std::string& name) {
  if (::mkdirat(parent, name.c_str(), 0755) < 0) return ErrnoStatus(errno, "mkdirat", name);
  Fd made(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) return ErrnoStatus(errno, "openat", name);
  return made;
}

// Gives `to` owner, mode and times of `from`: a directory that exists in both layers shows the
// upper one's. An owner that the caller's user namespace has no id for (EINVAL) can't be copied,
// and no process of the container could be that owner.
absl::Status CopyAttributes(int from, int to, absl::string_view what) {
  struct stat attributes;
  if (::fstat(from, &attributes) < 0) return ErrnoStatus(errno, "fstat", what);
  const timespec times[2] = {attributes.st_atim, attributes.st_mtim};
  const bool owned = ::fchown(to, attributes.st_uid, attributes.st_gid) == 0 || errno == EINVAL;
  if (!owned || ::fchmod(to, attributes.st_mode & 07777) < 0 || ::futimens(to, times) < 0) {
    return ErrnoStatus(errno, "copy attributes", what);
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> OpenDirectory(int parent, const std::string& name) {
  Fd directory(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return ErrnoStatus(errno, "openat", name);
  return directory;
}

absl::StatusOr<Fd> OpenOrMakeLike(int lower, int upper, const std::string& name) {
  if (::mkdirat(upper, name.c_str(), 0700) < 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "mkdirat", name);
  }
  ASSIGN_OR_RETURN(Fd directory, OpenDirectory(upper, name));
  RETURN_IF_ERROR(CopyAttributes(lower, directory.get(), name));
  return directory;
}

bool IsThere(int directory, const std::string& name) {
  struct stat attributes;
  return ::fstatat(directory, name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) == 0;
}

// Puts a whiteout (a character device 0:0, overlayfs.rst) for `path` into the upper layer. A path
// through a symlink or through what is missing hides nothing, since nothing is there to hide.
absl::Status Hide(int lower, int upper, const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(CleanPath(path), '/', absl::SkipEmpty());
  if (parts.empty()) return absl::InvalidArgumentError("hidden: empty path");
  const std::string name = parts.back();
  parts.pop_back();
  Fd lower_parent(::dup(lower)), upper_parent(::dup(upper));
  for (const std::string& part : parts) {
    absl::StatusOr<Fd> next = OpenDirectory(lower_parent.get(), part);
    if (!next.ok()) return absl::OkStatus();
    ASSIGN_OR_RETURN(upper_parent, OpenOrMakeLike(next->get(), upper_parent.get(), part));
    lower_parent = std::move(*next);
  }
  if (!IsThere(lower_parent.get(), name)) return absl::OkStatus();
  if (::mknodat(upper_parent.get(), name.c_str(), S_IFCHR, ::makedev(0, 0)) < 0 &&
      errno != EEXIST) {
    return ErrnoStatus(errno, "mknodat", path);
  }
  return CopyAttributes(lower_parent.get(), upper_parent.get(), path);
}

// A mount below `path`; "" when there is none.
std::string MountBelow(const std::string& path) {
  constexpr size_t kMaxMountTable = 4 << 20;
  const auto table = ReadFile("/proc/self/mountinfo", kMaxMountTable);
  if (!table.ok()) return "";
  const std::string below = absl::StrCat(CleanPath(path), "/");
  for (absl::string_view line : absl::StrSplit(*table, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() > 4 && absl::StartsWith(words[4], below)) return std::string(words[4]);
  }
  return "";
}

// In a user namespace the mounts that came from outside are locked together, and none can be left
// out of a view (mount_namespaces(7)): the kernel makes no overlay of a directory with mounts
// below. `layers` gets a copy of it instead.
absl::StatusOr<Fd> MakeCopiedView(const RootPlan::Overlay& overlay, int lower, int layers,
                                  const std::string& mount) {
  constexpr uint64_t kMostBytes = 64 << 20;
  ASSIGN_OR_RETURN(const Fd copy, MakeAndOpen(layers, "copy"));
  RETURN_IF_ERROR(CopyAttributes(lower, copy.get(), overlay.lower));
  const absl::Status copied = CopyReadable(lower, copy.get(), overlay.hidden, kMostBytes);
  if (StatusErrno(copied) == EFBIG) {
    return absl::FailedPreconditionError(absl::StrCat(
        mount, " is mounted below ", overlay.lower,
        ", which is too large to be copied, and without root no other view of it can be made; "
        "unmount it, run moat as root, or give --rootfs a directory without mounts below"));
  }
  if (!copied.ok()) return Annotate(copied, absl::StrCat("copy of ", overlay.lower));
  ASSIGN_OR_RETURN(Fd view, CopyTreeOf(copy.get(), false, overlay.lower));
  RETURN_IF_ERROR(SetAttributes(view.get(), {MOUNT_ATTR_NODEV, 0}, false, overlay.lower));
  return view;
}

// One overlay as a detached mount, its layers in `staging`/<number>.
absl::StatusOr<Fd> MakeOverlay(const RootPlan::Overlay& overlay, size_t number, int staging,
                               std::vector<UpperLayer>& uppers) {
  const Fd lower(::open(overlay.lower.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lower) return ErrnoStatus(errno, "open", overlay.lower);
  ASSIGN_OR_RETURN(const Fd layers, MakeAndOpen(staging, absl::StrCat("layers", number)));
  ASSIGN_OR_RETURN(Fd upper, MakeAndOpen(layers.get(), "upper"));
  ASSIGN_OR_RETURN(const Fd work, MakeAndOpen(layers.get(), "work"));
  RETURN_IF_ERROR(CopyAttributes(lower.get(), upper.get(), overlay.lower));
  for (const std::string& hidden : overlay.hidden) {
    RETURN_IF_ERROR(
        Annotate(Hide(lower.get(), upper.get(), hidden), absl::StrCat("hide ", hidden)));
  }
  // xino=off and index=off: nothing to gain on one file system, and no feature to depend on.
  std::vector<FsParameter> options = {{"source", "overlay"},
                                      {"lowerdir", FdPath(lower)},
                                      {"upperdir", FdPath(upper)},
                                      {"workdir", FdPath(work)},
                                      {"index", "off"},
                                      {"xino", "off"},
                                      {"metacopy", "off"}};
  if (InUserNamespace()) options.push_back({"userxattr", std::nullopt});
  absl::StatusOr<Fd> mount = NewMount("overlay", options, MOUNT_ATTR_NODEV);
  if (StatusErrno(mount.status()) == EINVAL && InUserNamespace()) {
    const std::string below = MountBelow(overlay.lower);
    if (!below.empty()) return MakeCopiedView(overlay, lower.get(), layers.get(), below);
  }
  if (!mount.ok()) return Annotate(mount.status(), absl::StrCat("overlay of ", overlay.lower));
  uppers.push_back({CleanPath(overlay.destination), std::move(upper)});
  return mount;
}

}  // namespace

absl::StatusOr<Fd> MakePlannedRoot(const RootPlan& plan, int staging,
                                   std::vector<UpperLayer>& uppers) {
  for (size_t i = 0; i < plan.overlays.size(); ++i) {
    if (CleanPath(plan.overlays[i].destination) == "/") {
      return MakeOverlay(plan.overlays[i], i, staging, uppers);
    }
  }
  ASSIGN_OR_RETURN(Fd skeleton, MakeAndOpen(staging, "skeleton"));
  ASSIGN_OR_RETURN(Fd mount, CopyTreeOf(skeleton.get(), false, "the skeleton"));
  RETURN_IF_ERROR(SetAttributes(mount.get(), {MOUNT_ATTR_NODEV, 0}, false, "the skeleton"));
  uppers.push_back({"/", std::move(skeleton)});
  return mount;
}

absl::Status FillPlannedRoot(const RootPlan& plan, int staging, const ContainerRoot& root,
                             std::vector<UpperLayer>& uppers) {
  for (const RootPlan::Directory& directory : plan.directories) {
    RETURN_IF_ERROR(root.MakeDirectory(directory.path, directory.mode).status());
  }
  for (const RootPlan::Symlink& link : plan.symlinks) {
    RETURN_IF_ERROR(root.MakeSymlink(link.path, link.target));
  }
  for (size_t i = 0; i < plan.overlays.size(); ++i) {
    const std::string destination = CleanPath(plan.overlays[i].destination);
    if (destination == "/") continue;
    ASSIGN_OR_RETURN(const Fd mount, MakeOverlay(plan.overlays[i], i, staging, uppers));
    ASSIGN_OR_RETURN(const Fd target, root.MakeDirectory(destination));
    RETURN_IF_ERROR(Attach(mount.get(), target.get(), destination));
  }
  return absl::OkStatus();
}

}  // namespace moat::rootfs
