// Where a path of the workload starts: in the container's tree, which the gofer walks, or in the
// virtual tree (/proc, /sys), which the sentry answers.
//
// The choice is lexical ("/proc/...") or by the base directory's identity; a walk that gets into
// /proc any other way is reported by the gofer as a crossing, and one that leaves the virtual tree
// through a magic link goes back to the gofer (on_path.h).
#ifndef MOAT_SENTRY_FS_PLACE_H_
#define MOAT_SENTRY_FS_PLACE_H_

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/client/client.h"
#include "sentry/call.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

// A path argument as the caller gave it. An empty path means the object that `dirfd` names
// (AT_EMPTY_PATH).
struct PathArg {
  int dirfd = -1;  // AT_FDCWD or a number of the caller's
  std::string path;
  // The path is taken from `dirfd` even if it starts with a slash (RESOLVE_BENEATH and
  // RESOLVE_IN_ROOT of openat2(2)).
  bool scoped = false;
};

// Copies a path argument. An empty one is ENOENT unless `at_flags` has AT_EMPTY_PATH; with that
// flag a null pointer is an empty path (Linux 6.11). EFAULT, ENAMETOOLONG.
Result<PathArg> ReadPathArg(Call& call, int dirfd, platform::GuestAddr address, int at_flags = 0);

struct TreePlace {
  std::shared_ptr<const Fd> base;  // null: the caller's root
  Fd root;                         // none: the container's root
  std::string path;
  std::optional<gofer::FileId> base_id = {};  // of `base`, where known

  gofer::PathRef ref() const { return {path, base ? base->get() : -1, root.get(), base_id}; }
  // The place is what `base` itself refers to, be it a directory or not.
  bool is_descriptor() const { return path.empty() && base != nullptr; }
};

struct VirtualPlace {
  std::string path;  // absolute
};

using Place = std::variant<TreePlace, VirtualPlace>;

// EBADF, ESRCH.
Result<Place> Locate(Call& call, const PathArg& where);

// The continuation of a walk that left the virtual tree.
Result<Place> PlaceBehind(Call& call, LeftTree left);

// Whether an absolute path lies in /proc or /sys by its letters alone: leading slashes, "." and
// ".." of the root are skipped, nothing else is resolved.
bool IsLexicallyVirtual(absl::string_view path);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_PLACE_H_
