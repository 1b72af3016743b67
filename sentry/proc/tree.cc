// VirtualTree over the table of nodes: checks, then snapshots and directories.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "sentry/proc/access.h"
#include "sentry/proc/container_facts.h"
#include "sentry/proc/directories.h"
#include "sentry/proc/generators.h"
#include "sentry/proc/links.h"
#include "sentry/proc/node.h"
#include "sentry/proc/snapshots.h"
#include "sentry/proc/virtual_tree.h"
#include "sentry/proc/walk.h"

namespace moat::sentry {
namespace {

// sysfs shows a page for each attribute, procfs nothing.
constexpr uint64_t kSysfsFileSize = 4096;
constexpr uint64_t kDescriptorLinkSize = 64;  // fs/proc/fd.c, proc_fd_instantiate

bool InSysfs(absl::string_view path) { return absl::StartsWith(path, "/sys"); }

bool WantsWrite(uint64_t flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

// The answer of a walk that did not end at a node.
template <typename T>
VirtualResult<T> Elsewhere(WalkResult result) {
  if (auto* error = std::get_if<Errno>(&result)) return *error;
  return std::get<LeftTree>(std::move(result));
}

struct statx StatxOf(const struct stat& attributes) {
  const auto time = [](const struct timespec& t) {
    struct statx_timestamp stamp {};
    stamp.tv_sec = t.tv_sec;
    stamp.tv_nsec = static_cast<uint32_t>(t.tv_nsec);
    return stamp;
  };
  struct statx result {};
  result.stx_mask = STATX_BASIC_STATS;
  result.stx_blksize = 4096;
  result.stx_nlink = 1;
  result.stx_ino = attributes.st_ino;
  result.stx_dev_major = major(attributes.st_dev);
  result.stx_dev_minor = minor(attributes.st_dev);
  result.stx_atime = time(attributes.st_atim);
  result.stx_mtime = time(attributes.st_mtim);
  result.stx_ctime = time(attributes.st_ctim);
  return result;
}

int View(const TreeConfig& config) {
  return config.tmpfs_view >= 0 ? config.tmpfs_view : config.tmpfs;
}

class Tree final : public VirtualTree {
 public:
  explicit Tree(TreeConfig config)
      : facts_(std::move(config)),
        root_(BuildNodes(NodeTable())),
        snapshots_(facts_.processes()),
        directories_(facts_.config().tmpfs, View(facts_.config())),
        links_(facts_.config().tmpfs, View(facts_.config())),
        walker_(
            facts_, *root_, [this](const struct stat& file) { return PathOfFile(file); },
            [this](const Fd& fd) { return links_.PathOf(fd); }) {
    struct stat own;
    if (fstatat(facts_.config().proc_a, "self/ns/pid", &own, 0) == 0) namespaces_ = own.st_dev;
  }

  VirtualResult<VirtualOpened> Open(const Viewer& viewer, absl::string_view path,
                                    uint64_t flags) override;
  VirtualResult<struct statx> Stat(const Viewer& viewer, absl::string_view path,
                                   bool follow) override;
  VirtualResult<std::string> ReadLink(const Viewer& viewer, absl::string_view path) override;
  VirtualResult<Unit> Access(const Viewer& viewer, absl::string_view path, int mode,
                             bool follow) override;
  VirtualResult<Unit> Modify(const Viewer& viewer, absl::string_view path, bool follow) override;
  std::optional<std::string> PathOfDirectory(const struct statx& attributes) override;
  std::optional<std::string> PathOfLink(const Fd& fd) override { return links_.PathOf(fd); }
  Result<Fd> Refresh(const Viewer& viewer, const struct statx& attributes) override;
  struct sysinfo SystemInfo() override {
    return SystemInfoOf(facts_);
  }
  long MagicOf(const struct statx& attributes) override;

 private:
  std::optional<std::string> PathOfFile(const struct stat& attributes);
  bool IsReadOnly(absl::string_view path) const;

  VirtualResult<VirtualOpened> OpenNode(const TaskInfo& viewer, const Found& found, uint64_t flags);
  Result<Fd> OpenForReading(const TaskInfo& viewer, const Found& found, uint64_t flags);
  VirtualResult<VirtualOpened> OpenForWriting(const TaskInfo& viewer, const Found& found,
                                              uint64_t flags);
  Result<Fd> OpenFile(const TaskInfo& viewer, const Found& found, uint64_t flags);
  Result<Fd> OpenDirectory(const TaskInfo& viewer, const Found& found, uint64_t flags);
  Result<std::string> Generate(const TaskInfo& viewer, const Found& found) const;
  Result<Directories::Entries> EntriesOf(const TaskInfo& viewer, const Found& found) const;

  Result<struct statx> StatNode(const TaskInfo& viewer, const Found& found);
  Result<struct statx> StatFile(const TaskInfo& viewer, const Found& found);
  Result<struct statx> StatDirectory(const TaskInfo& viewer, const Found& found);
  Result<struct statx> StatLink(const Found& found);
  Result<struct statx> StatNamespace(const Found& found) const;
  // The rights of the open file that fd/N stands for, as the link's mode shows them.
  mode_t DescriptorMode(const Found& found) const;

  const ContainerFacts facts_;
  const std::unique_ptr<Node> root_;
  Snapshots snapshots_;
  Directories directories_;
  Links links_;
  const Walker walker_;
  dev_t namespaces_ = 0;  // nsfs
};

VirtualResult<VirtualOpened> Tree::Open(const Viewer& viewer, absl::string_view path,
                                        uint64_t flags) {
  const bool exclusive = (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0;
  WalkResult result = walker_.Walk(*viewer.task, path, (flags & O_NOFOLLOW) == 0 && !exclusive);
  if (auto* error = std::get_if<Errno>(&result)) {
    // sysfs finds that its directories can't create; procfs finds nothing.
    const bool create = (flags & O_CREAT) != 0 && *error == Errno(ENOENT) && InSysfs(path);
    return create ? Errno(EACCES) : *error;
  }
  auto* found = std::get_if<Found>(&result);
  if (found == nullptr) return Elsewhere<VirtualOpened>(std::move(result));
  if (exclusive) return Errno(EEXIST);
  return OpenNode(*viewer.task, *found, flags);
}

VirtualResult<VirtualOpened> Tree::OpenNode(const TaskInfo& viewer, const Found& found,
                                            uint64_t flags) {
  const bool directory = found.node->IsDirectory();
  const bool path_only = (flags & O_PATH) != 0;
  if (found.IsLink() && !path_only) return Errno(ELOOP);
  if (!directory && (flags & O_DIRECTORY) != 0) return Errno(ENOTDIR);
  // A descriptor of it would be the kernel's own.
  if (found.is_namespace) return Errno(EACCES);
  if (!path_only) {
    if ((flags & O_TMPFILE) == O_TMPFILE) return Errno(EOPNOTSUPP);
    if (directory && ((flags & O_CREAT) != 0 || WantsWrite(flags))) return Errno(EISDIR);
    const int wanted =
        ((flags & O_ACCMODE) == O_WRONLY ? 0 : R_OK) | (WantsWrite(flags) ? W_OK : 0);
    const auto allowed = walker_.Check(viewer, FileRequester(viewer), found, wanted);
    if (!allowed.ok()) return allowed.error();
    if (WantsWrite(flags)) return OpenForWriting(viewer, found, flags);
  }
  auto fd = OpenForReading(viewer, found, path_only ? O_PATH : O_RDONLY);
  if (!fd.ok()) return fd.error();
  return VirtualOpened{std::move(fd).value()};
}

Result<Fd> Tree::OpenForReading(const TaskInfo& viewer, const Found& found, uint64_t flags) {
  if (found.node->IsDirectory()) return OpenDirectory(viewer, found, flags);
  if (found.IsLink()) return links_.Open(found.path);
  return OpenFile(viewer, found, flags);
}

VirtualResult<VirtualOpened> Tree::OpenForWriting(const TaskInfo& viewer, const Found& found,
                                                  uint64_t flags) {
  if (IsReadOnly(found.path)) return Errno(EROFS);
  switch (found.masked ? Writing::kNone : found.node->line.writing) {
    case Writing::kNone:
      return Errno(EACCES);
    case Writing::kRefused: {
      auto fd = OpenFile(viewer, found, flags & O_ACCMODE);
      if (!fd.ok()) return fd.error();
      return VirtualOpened{std::move(fd).value()};
    }
    case Writing::kKernel:
      break;
  }
  // A descriptor of one file of the workload's own procfs, which leads to nothing else.
  auto process = facts_.processes().OpenPath(TaskDirectory(found.place));
  if (!process.ok()) return process.error();
  return LeftTree{std::move(process).value(), found.path.substr(found.path.rfind('/') + 1), true};
}

Result<std::string> Tree::Generate(const TaskInfo& viewer, const Found& found) const {
  if (found.masked) return std::string();
  auto text = found.node->line.generate(walker_.Context(viewer, found));
  // The process went away between the walk and the reading.
  if (!text.ok() && text.error() == Errno(ESRCH)) return Errno(ENOENT);
  return text;
}

Result<Fd> Tree::OpenFile(const TaskInfo& viewer, const Found& found, uint64_t flags) {
  TRY_ASSIGN(const std::string text, Generate(viewer, found));
  const NodeLine& line = found.node->line;
  if (line.kind == NodeKind::kStatic) {
    return snapshots_.OpenStatic(found.path, line.mode, text, static_cast<int>(flags));
  }
  return snapshots_.Open(viewer.vtgid, found.path, line.mode, text, static_cast<int>(flags));
}

Result<Directories::Entries> Tree::EntriesOf(const TaskInfo& viewer, const Found& found) const {
  Directories::Entries entries;
  if (found.masked) return entries;
  const auto type_of = [](const Node& node) -> mode_t {
    return node.IsDirectory() ? S_IFDIR : node.IsLink() ? S_IFLNK : S_IFREG;
  };
  const Node& node = *found.node;
  for (const auto& [name, child] : node.children) entries.emplace(name, type_of(*child));
  if (node.dynamic_child) {
    TRY_ASSIGN(const std::vector<std::string> names,
               DynamicNames(node.dynamic_name, walker_.Context(viewer, found)));
    for (const std::string& name : names) entries.emplace(name, type_of(*node.dynamic_child));
  }
  return entries;
}

Result<Fd> Tree::OpenDirectory(const TaskInfo& viewer, const Found& found, uint64_t flags) {
  TRY_ASSIGN(const Directories::Entries entries, EntriesOf(viewer, found));
  return directories_.Open(found.path, found.node->line.mode, entries, static_cast<int>(flags));
}

VirtualResult<struct statx> Tree::Stat(const Viewer& viewer, absl::string_view path, bool follow) {
  WalkResult result = walker_.Walk(*viewer.task, path, follow);
  const auto* found = std::get_if<Found>(&result);
  if (found == nullptr) return Elsewhere<struct statx>(std::move(result));
  auto attributes = StatNode(*viewer.task, *found);
  if (!attributes.ok()) return attributes.error();
  return *attributes;
}

Result<struct statx> Tree::StatNode(const TaskInfo& viewer, const Found& found) {
  TRY_ASSIGN(const Permissions permissions, walker_.PermissionsOf(found));
  auto attributes = found.node->IsDirectory() ? StatDirectory(viewer, found)
                    : found.is_namespace      ? StatNamespace(found)
                    : found.IsLink()          ? StatLink(found)
                                              : StatFile(viewer, found);
  if (!attributes.ok()) return attributes.error();
  attributes->stx_uid = permissions.uid;
  attributes->stx_gid = permissions.gid;
  return attributes;
}

Result<struct statx> Tree::StatFile(const TaskInfo& viewer, const Found& found) {
  struct stat file;
  if (found.node->line.kind == NodeKind::kStatic) {
    TRY_ASSIGN(const Fd fd, OpenFile(viewer, found, O_PATH));
    if (fstat(fd.get(), &file) < 0) return Errno::Last();
  } else {
    TRY_ASSIGN(file, snapshots_.Reserve(viewer.vtgid, found.path, found.node->line.mode));
  }
  struct statx result = StatxOf(file);
  result.stx_mode = static_cast<uint16_t>(S_IFREG | found.node->line.mode);
  result.stx_size = InSysfs(found.path) ? kSysfsFileSize : 0;
  return result;
}

Result<struct statx> Tree::StatDirectory(const TaskInfo& viewer, const Found& found) {
  TRY_ASSIGN(const struct stat file, directories_.Attributes(found.path, found.node->line.mode));
  struct statx result = StatxOf(file);
  result.stx_mode = static_cast<uint16_t>(S_IFDIR | found.node->line.mode);
  result.stx_nlink = 2 + static_cast<uint32_t>(std::count_if(
                             found.node->children.begin(), found.node->children.end(),
                             [](const auto& child) { return child.second->IsDirectory(); }));
  if (absl::EndsWith(found.path, "/task")) {  // by its links Chromium counts its threads
    TRY_ASSIGN(const Directories::Entries threads, EntriesOf(viewer, found));
    result.stx_nlink = 2 + static_cast<uint32_t>(threads.size());
  }
  return result;
}

Result<struct statx> Tree::StatLink(const Found& found) {
  TRY_ASSIGN(const struct stat file, links_.Attributes(found.path));
  struct statx result = StatxOf(file);
  // As procfs has it: links whose text depends on somebody say nothing of their size.
  const NodeLine& line = found.node->line;
  const bool descriptor = line.kind == NodeKind::kMagicLink && line.text == "fd";
  if (descriptor) result.stx_size = kDescriptorLinkSize;
  if (line.kind == NodeKind::kLink) result.stx_size = line.text.size();
  const mode_t mode = descriptor ? DescriptorMode(found) : line.mode;
  result.stx_mode = static_cast<uint16_t>(S_IFLNK | mode);
  return result;
}

Result<struct statx> Tree::StatNamespace(const Found& found) const {
  TRY_ASSIGN(const struct stat file, walker_.StatTarget(found));
  struct statx result = StatxOf(file);
  result.stx_mode = static_cast<uint16_t>(file.st_mode);
  return result;
}

mode_t Tree::DescriptorMode(const Found& found) const {
  const std::string path = absl::StrCat(TaskDirectory(found.place), "/fdinfo/", found.place.name);
  auto text = facts_.processes().Read(path);
  if (!text.ok()) return 0500;
  const size_t at = text->find("flags:");
  if (at == std::string::npos) return 0500;
  const unsigned long flags = std::strtoul(text->c_str() + at + sizeof("flags:") - 1, nullptr, 8);
  if ((flags & O_PATH) != 0) return 0100;
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return 0500;
    case O_WRONLY:
      return 0300;
    default:
      return 0700;
  }
}

VirtualResult<std::string> Tree::ReadLink(const Viewer& viewer, absl::string_view path) {
  WalkResult result = walker_.Walk(*viewer.task, path, false);
  const auto* found = std::get_if<Found>(&result);
  if (found == nullptr) return Elsewhere<std::string>(std::move(result));
  if (!found->IsLink()) return Errno(EINVAL);
  auto text = walker_.LinkText(*viewer.task, *found);
  if (!text.ok()) return text.error();
  return std::move(text).value();
}

VirtualResult<Unit> Tree::Access(const Viewer& viewer, absl::string_view path, int mode,
                                 bool follow) {
  WalkResult result = walker_.Walk(*viewer.task, path, follow);
  const auto* found = std::get_if<Found>(&result);
  if (found == nullptr) return Elsewhere<Unit>(std::move(result));
  if (found->IsLink()) return Unit{};
  auto permissions = walker_.PermissionsOf(*found);
  if (!permissions.ok()) return permissions.error();
  if ((mode & W_OK) != 0 && IsReadOnly(found->path)) return Errno(EROFS);
  if ((mode & W_OK) != 0 && found->is_namespace) return Errno(EPERM);  // S_IMMUTABLE (fs/nsfs.c)
  const Requester requester = RealRequester(*viewer.task);
  if (!Permits(requester, *permissions, mode & (R_OK | W_OK | X_OK))) return Errno(EACCES);
  // What can't be opened for writing must not look as if it could.
  const bool writable =
      found->node->IsDirectory() || (found->node->line.writing != Writing::kNone && !found->masked);
  if ((mode & W_OK) != 0 && !writable) return Errno(EACCES);
  return Unit{};
}

VirtualResult<Unit> Tree::Modify(const Viewer& viewer, absl::string_view path, bool follow) {
  WalkResult result = walker_.Walk(*viewer.task, path, follow);
  const auto* found = std::get_if<Found>(&result);
  if (found != nullptr) return Errno(IsReadOnly(found->path) ? EROFS : EPERM);
  if (auto* error = std::get_if<Errno>(&result); error != nullptr && *error == Errno(ENOENT)) {
    return Errno(InSysfs(path) ? EPERM : ENOENT);
  }
  return Elsewhere<Unit>(std::move(result));
}

std::optional<std::string> Tree::PathOfDirectory(const struct statx& attributes) {
  if (!S_ISDIR(attributes.stx_mode)) return std::nullopt;
  return directories_.PathOf(FileIdentity::Of(attributes));
}

std::optional<std::string> Tree::PathOfFile(const struct stat& attributes) {
  if (S_ISDIR(attributes.st_mode)) return directories_.PathOf(FileIdentity::Of(attributes));
  if (!S_ISREG(attributes.st_mode)) return std::nullopt;
  return snapshots_.PathOf(FileIdentity::OfSealed(attributes));
}

Result<Fd> Tree::Refresh(const Viewer& viewer, const struct statx& attributes) {
  if (!S_ISREG(attributes.stx_mode)) return Errno(ENOENT);
  const auto path = snapshots_.PathOf(FileIdentity::OfSealed(attributes));
  if (!path) return Errno(ENOENT);
  WalkResult result = walker_.Walk(*viewer.task, *path, false);
  const auto* found = std::get_if<Found>(&result);
  if (found == nullptr || found->node->line.kind != NodeKind::kFile) return Errno(ENOENT);
  TRY(walker_.CheckGuard(*viewer.task, *found));
  return OpenFile(*viewer.task, *found, 0);
}

long Tree::MagicOf(const struct statx& attributes) {
  const dev_t device = makedev(attributes.stx_dev_major, attributes.stx_dev_minor);
  if (S_ISLNK(attributes.stx_mode)) return links_.IsOn(device) ? PROC_SUPER_MAGIC : 0;
  if (device == namespaces_ && device != 0) return NSFS_MAGIC;
  const auto path = S_ISDIR(attributes.stx_mode)
                        ? directories_.PathOf(FileIdentity::Of(attributes))
                        : snapshots_.PathOf(FileIdentity::OfSealed(attributes));
  if (!path) return 0;
  if (absl::StartsWith(*path, "/sys/fs/cgroup")) return CGROUP2_SUPER_MAGIC;
  return InSysfs(*path) ? SYSFS_MAGIC : PROC_SUPER_MAGIC;
}

bool Tree::IsReadOnly(absl::string_view path) const {
  // Containers have no say in either; it is how other runtimes mount them.
  if (InSysfs(path) || absl::StartsWith(path, "/proc/sys/")) return true;
  const auto& tops = facts_.config().readonly_paths;
  return std::any_of(tops.begin(), tops.end(), [path](const std::string& top) {
    return absl::StartsWith(path, top) && (path.size() == top.size() || path[top.size()] == '/');
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtualTree>> MakeVirtualTree(TreeConfig config) {
  struct stat attributes;
  for (const auto& [fd, name] : {std::pair<int, const char*>{config.proc_a, "procfs of P_A"},
                                 {config.proc_b, "procfs of P_B"},
                                 {config.tmpfs, "directory for the virtual tree"}}) {
    if (fstat(fd, &attributes) < 0) return ErrnoStatus(errno, "fstat", name);
    if (!S_ISDIR(attributes.st_mode)) return ErrnoStatus(ENOTDIR, "fstat", name);
  }
  return std::unique_ptr<VirtualTree>(std::make_unique<Tree>(std::move(config)));
}

}  // namespace moat::sentry
