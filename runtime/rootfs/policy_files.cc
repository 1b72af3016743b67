#include "runtime/rootfs/policy_files.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/rootfs/masks.h"
#include "runtime/rootfs/mount_calls.h"
#include "runtime/rootfs/other_names.h"

namespace moat::rootfs {
namespace {

using policies::FileRule;

constexpr size_t kMaxMountTable = 16 << 20;
constexpr unsigned kIdentity = STATX_INO | STATX_TYPE | STATX_MNT_ID;

// An object under one of its names.
struct Named {
  std::string path;  // in the container
  Fd fd;
};

absl::StatusOr<struct statx> Describe(int fd, const std::string& path) {
  struct statx attributes;
  if (::statx(fd, "", AT_EMPTY_PATH, kIdentity, &attributes) < 0) {
    return ErrnoStatus(errno, "statx", path);
  }
  return attributes;
}

bool SameObject(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
         a.stx_dev_minor == b.stx_dev_minor;
}

class Rules {
 public:
  Rules(const ContainerRoot& root, int proc_self, int null_device)
      : root_(root), proc_self_(proc_self), null_device_(null_device) {}

  absl::Status AllowCodeOnlyFrom(const std::vector<policies::ExecRule>& rules) const;
  absl::Status Apply(const FileRule& rule) const;

 private:
  // Where the caller sees what `fd` refers to.
  absl::StatusOr<std::string> SeenPath(int fd) const;
  // The object of a rule under all its names; none when it is not there and need not be.
  absl::StatusOr<std::vector<Named>> Find(const std::string& path, bool optional) const;
  absl::Status Cover(const FileRule& rule, const Named& named) const;
  absl::Status Deny(const Named& named) const;

  const ContainerRoot& root_;
  const int proc_self_;
  const int null_device_;
};

absl::StatusOr<std::string> Rules::SeenPath(int fd) const {
  std::string path(PATH_MAX, '\0');
  const ssize_t size =
      ::readlinkat(proc_self_, absl::StrCat("fd/", fd).c_str(), path.data(), path.size());
  if (size <= 0) return ErrnoStatus(errno, "readlinkat", "/proc/self/fd");
  path.resize(static_cast<size_t>(size));
  return path;
}

absl::StatusOr<std::vector<Named>> Rules::Find(const std::string& path, bool optional) const {
  absl::StatusOr<Fd> target = root_.Open(path);
  const int error = StatusErrno(target.status());
  if (error == ENOENT || error == ENOTDIR) {
    if (optional) return std::vector<Named>();
    return absl::FailedPreconditionError(
        "there is nothing at this path to bind the rule to; add \"optional\": true if that is "
        "fine");
  }
  RETURN_IF_ERROR(target.status());
  RETURN_IF_ERROR(CheckLinksStayInside(target->get(), path));
  ASSIGN_OR_RETURN(const struct statx object, Describe(target->get(), path));
  ASSIGN_OR_RETURN(const std::string root, SeenPath(root_.fd()));
  ASSIGN_OR_RETURN(const std::string seen, SeenPath(target->get()));
  const Result<std::string> table = ReadFileAt(proc_self_, "mountinfo", kMaxMountTable);
  if (!table.ok()) return ErrnoStatus(table.error().value(), "read", "/proc/self/mountinfo");
  std::set<std::string> names;
  for (const std::string& name :
       AllNames(ParseShownParts(*table), static_cast<int>(object.stx_mnt_id), seen)) {
    if (absl::StartsWith(name, absl::StrCat(root, "/"))) names.insert(name.substr(root.size()));
  }
  std::vector<Named> found;
  for (const std::string& name : names) {
    absl::StatusOr<Fd> fd = root_.Open(name, /*follow=*/false);
    if (!fd.ok()) continue;  // under another mount
    ASSIGN_OR_RETURN(const struct statx here, Describe(fd->get(), name));
    if (SameObject(here, object)) found.push_back({name, *std::move(fd)});
  }
  if (found.empty()) return absl::InternalError("the object was not found again");
  return found;
}

absl::Status Rules::AllowCodeOnlyFrom(const std::vector<policies::ExecRule>& rules) const {
  std::vector<std::pair<Named, Fd>> copies;
  for (const policies::ExecRule& rule : rules) {
    absl::StatusOr<std::vector<Named>> names = Find(rule.path, rule.optional);
    if (!names.ok()) return Annotate(names.status(), absl::StrCat("exec ", rule.path));
    for (Named& named : *names) {
      ASSIGN_OR_RETURN(Fd copy, CopyTreeOf(named.fd.get(), /*recursive=*/true, named.path));
      RETURN_IF_ERROR(SetAttributes(copy.get(), {MOUNT_ATTR_RDONLY, 0}, true, named.path));
      copies.emplace_back(std::move(named), std::move(copy));
    }
  }
  RETURN_IF_ERROR(SetAttributes(root_.fd(), {MOUNT_ATTR_NOEXEC, 0}, true, "the root"));
  for (const auto& [named, copy] : copies) {
    RETURN_IF_ERROR(Attach(copy.get(), named.fd.get(), named.path));
  }
  return absl::OkStatus();
}

// The covering file belongs to whoever runs moat, so that with ids of its own not even the
// container's root has a right to it; with the caller's ids its root finds it empty.
absl::Status Rules::Deny(const Named& named) const {
  constexpr uint64_t kAttributes =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  struct stat attributes;
  if (::fstat(named.fd.get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", named.path);
  const bool directory = S_ISDIR(attributes.st_mode);
  ASSIGN_OR_RETURN(const Fd made, NewMount("tmpfs", {{"mode", "0000"}, {"size", "4k"}},
                                           directory ? kAttributes : 0));
  if (directory) return Attach(made.get(), named.fd.get(), named.path);
  const Fd file(::openat(made.get(), "denied", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0));
  if (!file) return ErrnoStatus(errno, "openat", "a file to deny with");
  ASSIGN_OR_RETURN(const Fd copy, CopyTreeOf(file.get(), false, named.path));
  RETURN_IF_ERROR(SetAttributes(copy.get(), {kAttributes, 0}, false, named.path));
  return Attach(copy.get(), named.fd.get(), named.path);
}

absl::Status Rules::Cover(const FileRule& rule, const Named& named) const {
  switch (rule.kind) {
    case FileRule::Kind::kHide:
      return MaskPath(root_, named.path, null_device_);
    case FileRule::Kind::kReadOnly:
      return MakeReadOnly(root_, named.path);
    case FileRule::Kind::kDeny:
      break;
  }
  return Deny(named);
}

absl::Status Rules::Apply(const FileRule& rule) const {
  absl::StatusOr<std::vector<Named>> names = Find(rule.path, rule.optional);
  if (!names.ok()) return Annotate(names.status(), absl::StrCat("file rule for ", rule.path));
  for (const Named& named : *names) RETURN_IF_ERROR(Cover(rule, named));
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyFileRules(const ContainerRoot& root, const policies::Policy& policy,
                            int proc_self, int null_device) {
  const Rules rules(root, proc_self, null_device);
  if (const auto* exec = policy.exec()) RETURN_IF_ERROR(rules.AllowCodeOnlyFrom(*exec));
  // What is read-only first: a mount over a directory would take those within it away.
  const std::vector<FileRule> files = policy.files();
  for (const bool read_only : {true, false}) {
    for (const FileRule& rule : files) {
      if ((rule.kind == FileRule::Kind::kReadOnly) != read_only) continue;
      RETURN_IF_ERROR(rules.Apply(rule));
    }
  }
  return absl::OkStatus();
}

}  // namespace moat::rootfs
