#include "sentry/proc/walk.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sentry/proc/generators.h"

namespace moat::sentry {
namespace {

constexpr int kMaxLinks = 40;  // MAXSYMLINKS, path_resolution(7)

int ToInt(absl::string_view text) {
  int value = -1;
  return absl::SimpleAtoi(text, &value) ? value : -1;
}

// What follows the last "/" of a path: the number of fd/N.
absl::string_view LastComponent(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

// The same path in P_B's procfs.
std::string KernelPath(const Found& found) { return found.path.substr(sizeof("/proc/") - 1); }

// A node that was opened for writing (Writing::kKernel); the kernel names it from its mount's top.
bool IsKernelFile(const Fd& fd) {
  struct statfs system;
  return fstatfs(fd.get(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

bool IsBelow(absl::string_view path, absl::string_view top) {
  return absl::StartsWith(path, top) && (path.size() == top.size() || path[top.size()] == '/');
}

}  // namespace

// The state of one walk: the directories that were entered and the components still to come.
class Walker::Progress {
 public:
  Progress(const Walker& walker, const TaskInfo& viewer, absl::string_view path, bool follow)
      : walker_(walker), viewer_(viewer) {
    must_be_directory_ = absl::EndsWith(path, "/") || absl::EndsWith(path, "/.");
    follow_last_ = follow || absl::EndsWith(path, "/");
    stack_.push_back({.node = &walker.root_});
    Push(path);
  }

  WalkResult Run();

 private:
  // Takes one component; a value ends the walk.
  std::optional<WalkResult> Step(const std::string& component);
  std::optional<WalkResult> FollowLink(const Found& link);
  Result<Found> Lookup(const Found& directory, const std::string& component) const;

  // Puts the components of `path` before those still to come.
  void Push(absl::string_view path) {
    std::vector<absl::string_view> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) ahead_.emplace_back(*part);
  }
  // The components still to come, as a path.
  std::string Rest() const {
    std::string rest;
    for (auto part = ahead_.rbegin(); part != ahead_.rend(); ++part) {
      absl::StrAppend(&rest, rest.empty() ? "" : "/", *part);
    }
    if (must_be_directory_ && !rest.empty()) rest += "/";
    // A descriptor with nothing behind it must still turn out to be a directory.
    if (must_be_directory_ && rest.empty()) rest = ".";
    return rest;
  }
  void Restart(absl::string_view path) {
    stack_.resize(1);
    Push(path);
  }

  const Walker& walker_;
  const TaskInfo& viewer_;
  bool must_be_directory_ = false;
  bool follow_last_ = false;
  int links_ = 0;
  std::vector<Found> stack_;
  std::vector<std::string> ahead_;  // the next one last
};

WalkResult Walker::Progress::Run() {
  while (!ahead_.empty()) {
    const std::string component = std::move(ahead_.back());
    ahead_.pop_back();
    if (auto end = Step(component)) return std::move(*end);
  }
  // "/" itself is the container's.
  if (stack_.size() == 1) return LeftTree{Fd(), must_be_directory_ ? "./" : "."};
  if (must_be_directory_ && !stack_.back().node->IsDirectory()) return Errno(ENOTDIR);
  return std::move(stack_.back());
}

std::optional<WalkResult> Walker::Progress::Step(const std::string& component) {
  const Found& current = stack_.back();
  if (!current.node->IsDirectory()) return Errno(ENOTDIR);
  if (component == ".") return std::nullopt;
  if (component == "..") {
    if (stack_.size() > 1) stack_.pop_back();
    return std::nullopt;
  }
  if (stack_.size() == 1 && component != "proc" && component != "sys") {
    ahead_.push_back(component);
    return LeftTree{Fd(), Rest()};
  }
  if (stack_.size() > 1) {
    const auto allowed = walker_.Check(viewer_, FileRequester(viewer_), current, X_OK);
    if (!allowed.ok()) return allowed.error();
  }
  auto next = Lookup(current, component);
  if (!next.ok()) return next.error();
  const bool follow = !ahead_.empty() || follow_last_;
  if (next->node->IsLink() && follow) return FollowLink(*next);
  stack_.push_back(std::move(next).value());
  return std::nullopt;
}

Result<Found> Walker::Progress::Lookup(const Found& directory, const std::string& component) const {
  if (directory.masked) return Errno(ENOENT);
  Found next{.place = directory.place, .path = absl::StrCat(directory.path, "/", component)};
  const Node& node = *directory.node;
  if (const auto child = node.children.find(component); child != node.children.end()) {
    next.node = child->second.get();
  } else if (node.dynamic_child &&
             DynamicNameExists(node.dynamic_name, walker_.Context(viewer_, directory), component)) {
    next.node = node.dynamic_child.get();
    if (node.dynamic_name == "<pid>") {
      next.place.pid = ToInt(component);
    } else if (node.dynamic_name == "<tid>") {
      next.place.tid = ToInt(component);
    } else {
      next.place.name = component;
    }
  } else {
    return Errno(ENOENT);
  }
  const auto& masked = walker_.facts_.config().masked_paths;
  next.masked = std::any_of(masked.begin(), masked.end(),
                            [&next](const std::string& top) { return IsBelow(next.path, top); });
  return next;
}

std::optional<WalkResult> Walker::Progress::FollowLink(const Found& link) {
  if (++links_ > kMaxLinks) return Errno(ELOOP);
  if (link.node->line.kind == NodeKind::kMagicLink && link.node->line.text == "ns") {
    if (auto allowed = walker_.CheckGuard(viewer_, link); !allowed.ok()) return allowed.error();
    stack_.push_back(link);
    stack_.back().is_namespace = true;
    return std::nullopt;
  }
  if (link.node->line.kind == NodeKind::kMagicLink) {
    MagicTarget target = walker_.Follow(viewer_, link);
    if (auto* left = std::get_if<LeftTree>(&target)) {
      left->rest = Rest();
      return std::move(*left);
    }
    if (auto* error = std::get_if<Errno>(&target)) return *error;
    Restart(std::get<std::string>(target));
    return std::nullopt;
  }
  auto text = walker_.LinkText(viewer_, link);
  if (!text.ok()) return text.error();
  if (absl::StartsWith(*text, "/")) {
    Restart(*text);
  } else {
    Push(*text);
  }
  return std::nullopt;
}

WalkResult Walker::Walk(const TaskInfo& viewer, absl::string_view path, bool follow) const {
  return Progress(*this, viewer, path, follow).Run();
}

NodeContext Walker::Context(const TaskInfo& viewer, const Found& found) const {
  return {.facts = facts_,
          .viewer = viewer,
          .place = found.place,
          .path = found.path,
          .text = found.node->line.text,
          .may_trace =
              found.node->line.guard == Guard::kRedact && MayTraceProcess(viewer, found.place.pid)};
}

bool Walker::MayTraceProcess(const TaskInfo& viewer, pid_t pid) const {
  if (pid == viewer.vtgid) return true;
  const auto target = facts_.processes().Identify(pid);
  if (!target.ok()) return false;
  // procfs gives the files of an undumpable process to root (proc(5)).
  const auto owner = facts_.processes().Stat(absl::StrCat(pid, "/status"));
  const bool dumpable = owner.ok() && owner->st_uid == target->uid.effective;
  return MayTrace(viewer, *target, dumpable);
}

Result<Permissions> Walker::PermissionsOf(const Found& found) const {
  Permissions permissions{.mode = found.node->line.mode, .directory = found.node->IsDirectory()};
  if (found.is_namespace) {
    TRY_ASSIGN(const struct stat attributes, StatTarget(found));
    permissions.mode = attributes.st_mode & 07777;
    permissions.uid = attributes.st_uid;
    permissions.gid = attributes.st_gid;
    return permissions;
  }
  if (found.place.pid == 0) return permissions;
  // Owned by the process's effective ids, or by root when it is not dumpable; but the directory of
  // the process itself, which anybody may read, is always the process's.
  auto attributes = facts_.processes().Stat(TaskDirectory(found.place) +
                                            (permissions.mode == 0555 ? "" : "/status"));
  if (!attributes.ok()) return Errno(ENOENT);
  permissions.uid = attributes->st_uid;
  permissions.gid = attributes->st_gid;
  return permissions;
}

Result<struct stat> Walker::StatTarget(const Found& found) const {
  return facts_.processes().Stat(KernelPath(found));
}

Result<void> Walker::CheckGuard(const TaskInfo& viewer, const Found& found) const {
  switch (found.node->line.guard) {
    case Guard::kNone:
    case Guard::kRedact:
      return {};
    case Guard::kRefused:
      return Errno(EPERM);
    case Guard::kTrace:
      break;
  }
  if (MayTraceProcess(viewer, found.place.pid)) return {};
  return Errno(EACCES);
}

Result<void> Walker::Check(const TaskInfo& viewer, const Requester& requester, const Found& found,
                           int wanted) const {
  TRY_ASSIGN(const Permissions permissions, PermissionsOf(found));
  // A process may always look into its own fd directory (proc_fd_permission in fs/proc/fd.c).
  const bool own = found.place.pid == viewer.vtgid && permissions.mode == 0500;
  if (!own && !Permits(requester, permissions, wanted)) return Errno(EACCES);
  return CheckGuard(viewer, found);
}

Result<std::string> Walker::LinkText(const TaskInfo& viewer, const Found& found) const {
  const NodeLine& line = found.node->line;
  if (line.kind == NodeKind::kLink) return line.generate(Context(viewer, found));
  TRY(CheckGuard(viewer, found));
  if (line.text == "root") {
    // The viewer's own root is "/" to it, wherever it lies.
    if (found.place.pid == viewer.vtgid) return std::string("/");
    TRY_ASSIGN(const Fd root, RootOf(found));
    return root ? facts_.processes().NameOf(root) : std::string("/");
  }
  if (line.text == "ns") return facts_.processes().ReadLink(KernelPath(found));
  if (line.text == "fd") {
    TRY_ASSIGN(const Fd fd, facts_.processes().Duplicate(found.place, ToInt(found.place.name)));
    struct stat attributes;
    if (fstat(fd.get(), &attributes) < 0) return Errno::Last();
    if (auto path = path_of_file_(attributes)) return *std::move(path);
    if (auto path = path_of_link_(fd)) return *std::move(path);
    TRY_ASSIGN(std::string name, facts_.processes().NameOf(fd));
    return IsKernelFile(fd) ? absl::StrCat("/proc", name) : name;
  }
  const std::string kernel_path = KernelPath(found);
  if (auto attributes = facts_.processes().Stat(kernel_path); attributes.ok()) {
    if (auto path = path_of_file_(*attributes)) return *std::move(path);
  }
  return facts_.processes().ReadLink(kernel_path);
}

Result<Fd> Walker::RootOf(const Found& found) const {
  TRY_ASSIGN(const struct stat root, StatTarget(found));
  return facts_.config().root_behind(root);
}

MagicTarget Walker::Follow(const TaskInfo& viewer, const Found& found) const {
  if (auto allowed = CheckGuard(viewer, found); !allowed.ok()) return allowed.error();
  const absl::string_view kind = found.node->line.text;
  return kind == "fd" ? FollowDescriptor(found) : FollowKernelLink(found);
}

MagicTarget Walker::FollowDescriptor(const Found& found) const {
  auto fd = facts_.processes().Duplicate(found.place, ToInt(LastComponent(found.path)));
  if (!fd.ok()) return fd.error();
  struct stat attributes;
  if (fstat(fd->get(), &attributes) < 0) return Errno::Last();
  if (auto path = path_of_file_(attributes)) return *std::move(path);
  return LeftTree{std::move(fd).value(), ""};
}

MagicTarget Walker::FollowKernelLink(const Found& found) const {
  if (found.node->line.text == "root") {
    auto root = RootOf(found);
    if (!root.ok()) return root.error();
    return LeftTree{std::move(root).value(), ""};
  }
  auto fd = facts_.processes().OpenPath(KernelPath(found));
  if (!fd.ok()) return fd.error();
  struct stat attributes;
  if (fstat(fd->get(), &attributes) < 0) return Errno::Last();
  if (auto virtual_path = path_of_file_(attributes)) return *std::move(virtual_path);
  return LeftTree{std::move(fd).value(), ""};
}

}  // namespace moat::sentry
