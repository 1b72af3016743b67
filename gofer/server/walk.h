// Walks a path one component at a time to see whether it enters /proc or /sys.
#ifndef MOAT_GOFER_SERVER_WALK_H_
#define MOAT_GOFER_SERVER_WALK_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gofer/server/virtual_mounts.h"

namespace moat::gofer {

// Where a walk starts. `path` is NUL-terminated.
struct WalkStart {
  int root = -1;  // the thread's root
  int base = -1;  // where a relative path starts
  absl::string_view path;
  bool follow_last = true;  // whether a symlink in the last place is followed
};

// The virtual path ("/proc/self/maps") when the walk enters one of `mounts`; none when it ends
// elsewhere or fails, for whatever reason. The walk is made with the calling thread's root and
// credentials, so search permission, `..` and symlink protection are the kernel's.
std::optional<std::string> FindCrossing(const VirtualMounts& mounts, const WalkStart& start);

// A cheap test before FindCrossing for walks that did not end in ELOOP: false only when the walk
// certainly enters no other mount than the one it starts in, or meets neither a symlink nor a name
// that could be /proc or /sys. One or two system calls.
bool MayCross(const WalkStart& start);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_WALK_H_
