// Path walks in the virtual tree: "." and "..", links, permissions of directories, and the magic
// links where a walk leaves it.
#ifndef MOAT_SENTRY_PROC_WALK_H_
#define MOAT_SENTRY_PROC_WALK_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/proc/access.h"
#include "sentry/proc/container_facts.h"
#include "sentry/proc/node.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

// Where a walk ended.
struct Found {
  const Node* node = nullptr;
  Place place;
  std::string path;     // canonical; "" for "/"
  bool masked = false;  // the configuration hides what is in it
  // Not the link is meant but the namespace that it leads to, which has no name of its own.
  bool is_namespace = false;

  bool IsLink() const { return node->IsLink() && !is_namespace; }
};

using WalkResult = std::variant<Found, Errno, LeftTree>;

// What a magic link leads to: a path in the tree, or out of it.
using MagicTarget = std::variant<std::string, LeftTree, Errno>;

// Thread-safe; everything it is made with is borrowed.
class Walker {
 public:
  // What open files and directories of the tree, which a process may have as cwd or descriptor,
  // are in the tree.
  using PathOfFile = std::function<std::optional<std::string>(const struct stat& attributes)>;

  // The same of descriptors of links (Links::PathOf).
  using PathOfLink = std::function<std::optional<std::string>(const Fd& fd)>;

  Walker(const ContainerFacts& facts, const Node& root, PathOfFile path_of_file,
         PathOfLink path_of_link)
      : facts_(facts),
        root_(root),
        path_of_file_(std::move(path_of_file)),
        path_of_link_(std::move(path_of_link)) {}

  // Walks an absolute path. A last link is followed with `follow` or a trailing slash.
  WalkResult Walk(const TaskInfo& viewer, absl::string_view path, bool follow) const;

  // The text of a link, for readlink(2).
  Result<std::string> LinkText(const TaskInfo& viewer, const Found& found) const;

  NodeContext Context(const TaskInfo& viewer, const Found& found) const;
  // Owner and mode of a node. ENOENT when its process is gone.
  Result<Permissions> PermissionsOf(const Found& found) const;
  // Mode bits and guard together. EACCES, EPERM.
  Result<void> Check(const TaskInfo& viewer, const Requester& requester, const Found& found,
                     int wanted) const;
  // The guard alone.
  Result<void> CheckGuard(const TaskInfo& viewer, const Found& found) const;
  // What the kernel says of the file behind a magic link of a process.
  Result<struct stat> StatTarget(const Found& found) const;
  bool MayTraceProcess(const TaskInfo& viewer, pid_t pid) const;

 private:
  class Progress;

  MagicTarget Follow(const TaskInfo& viewer, const Found& found) const;
  MagicTarget FollowDescriptor(const Found& found) const;
  MagicTarget FollowKernelLink(const Found& found) const;
  // What a process's root stands for; an empty Fd: the container's.
  Result<Fd> RootOf(const Found& found) const;

  const ContainerFacts& facts_;
  const Node& root_;
  const PathOfFile path_of_file_;
  const PathOfLink path_of_link_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_WALK_H_
