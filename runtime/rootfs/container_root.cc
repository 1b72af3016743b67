#include "runtime/rootfs/container_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace moat::rootfs {
namespace {

struct SplitPath {
  std::string parent;
  std::string name;
};

SplitPath Split(absl::string_view path) {
  const std::string clean = CleanPath(path);
  const size_t slash = clean.rfind('/');
  return {slash == 0 ? "/" : clean.substr(0, slash), clean.substr(slash + 1)};
}

absl::StatusOr<Fd> OpenAt2(int directory, const std::string& path, uint64_t flags,
                           uint64_t resolve) {
  open_how how = {};
  how.flags = flags | O_PATH | O_CLOEXEC;
  how.resolve = resolve;
  // EAGAIN: a rename or mount happened meanwhile somewhere and ".." could not be proved safe
  // (openat2(2)); the kernel asks for another try.
  constexpr int kTries = 128;
  for (int i = 0; i < kTries; ++i) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return ErrnoStatus(errno, "openat2", absl::StrCat("(container) ", path));
}

absl::StatusOr<mode_t> TypeOf(int fd, absl::string_view path) {
  struct stat attributes;
  if (::fstat(fd, &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  return attributes.st_mode & S_IFMT;
}

// Through the descriptor of what was made: its name may be another file's by now.
absl::Status SetOwner(int made, uid_t owner, gid_t group, absl::string_view path) {
  if (owner == ::geteuid() && group == ::getegid()) return absl::OkStatus();
  if (::fchownat(made, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "fchownat", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> OpenMade(int parent, const std::string& name) {
  return OpenAt2(parent, name, O_NOFOLLOW, RESOLVE_BENEATH);
}

}  // namespace

std::string CleanPath(absl::string_view path) {
  std::vector<absl::string_view> parts;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

bool IsWithin(absl::string_view path, absl::string_view directory) {
  if (directory == "/" || path == directory) return true;
  return absl::ConsumePrefix(&path, directory) && absl::StartsWith(path, "/");
}

absl::StatusOr<Fd> ContainerRoot::Open(absl::string_view path, bool follow) const {
  return OpenAt2(root_.get(), CleanPath(path), follow ? 0 : O_NOFOLLOW,
                 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

absl::StatusOr<Fd> ContainerRoot::MakeDirectory(absl::string_view path, mode_t mode) const {
  absl::StatusOr<Fd> existing = Open(path);
  if (existing.ok()) {
    ASSIGN_OR_RETURN(const mode_t type, TypeOf(existing->get(), path));
    if (type != S_IFDIR) return ErrnoStatus(ENOTDIR, "mkdir", CleanPath(path));
    return existing;
  }
  if (StatusErrno(existing.status()) != ENOENT) return existing;
  const SplitPath split = Split(path);
  ASSIGN_OR_RETURN(const Fd parent, MakeDirectory(split.parent));
  // EEXIST here is a dangling symlink, or somebody who was faster: neither is followed.
  if (::mkdirat(parent.get(), split.name.c_str(), mode) < 0) {
    return ErrnoStatus(errno, "mkdirat", CleanPath(path));
  }
  ASSIGN_OR_RETURN(Fd made, OpenMade(parent.get(), split.name));
  RETURN_IF_ERROR(SetOwner(made.get(), owner_, group_, split.name));
  return made;
}

absl::StatusOr<Fd> ContainerRoot::MakeFile(absl::string_view path) const {
  absl::StatusOr<Fd> existing = Open(path);
  if (existing.ok()) {
    ASSIGN_OR_RETURN(const mode_t type, TypeOf(existing->get(), path));
    if (type == S_IFDIR) return ErrnoStatus(EISDIR, "open", CleanPath(path));
    return existing;
  }
  if (StatusErrno(existing.status()) != ENOENT) return existing;
  const SplitPath split = Split(path);
  ASSIGN_OR_RETURN(const Fd parent, MakeDirectory(split.parent));
  if (::mknodat(parent.get(), split.name.c_str(), S_IFREG | 0644, 0) < 0) {
    return ErrnoStatus(errno, "mknodat", CleanPath(path));
  }
  ASSIGN_OR_RETURN(Fd made, OpenMade(parent.get(), split.name));
  RETURN_IF_ERROR(SetOwner(made.get(), owner_, group_, split.name));
  return made;
}

absl::Status ContainerRoot::MakeNode(absl::string_view path, mode_t mode, dev_t device, uid_t owner,
                                     gid_t group) const {
  const SplitPath split = Split(path);
  ASSIGN_OR_RETURN(const Fd parent, MakeDirectory(split.parent));
  if (::mknodat(parent.get(), split.name.c_str(), mode, device) < 0) {
    return ErrnoStatus(errno, "mknodat", CleanPath(path));
  }
  ASSIGN_OR_RETURN(const Fd made, OpenMade(parent.get(), split.name));
  return SetOwner(made.get(), owner, group, split.name);
}

absl::Status ContainerRoot::MakeSymlink(absl::string_view path, const std::string& target) const {
  const SplitPath split = Split(path);
  ASSIGN_OR_RETURN(const Fd parent, MakeDirectory(split.parent));
  if (::symlinkat(target.c_str(), parent.get(), split.name.c_str()) < 0) {
    return ErrnoStatus(errno, "symlinkat", CleanPath(path));
  }
  ASSIGN_OR_RETURN(const Fd made, OpenMade(parent.get(), split.name));
  return SetOwner(made.get(), owner_, group_, split.name);
}

}  // namespace moat::rootfs
