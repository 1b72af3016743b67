// Under which other names of a mount tree an object can be reached.
#ifndef MOAT_RUNTIME_ROOTFS_OTHER_NAMES_H_
#define MOAT_RUNTIME_ROOTFS_OTHER_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::rootfs {

// A line of mountinfo: which part of which file system is seen where.
struct ShownPart {
  int id = 0;
  std::string device;  // "8:1"
  std::string root;    // the part, from the root of the file system
  std::string target;  // where, as the reader of mountinfo sees it
};
std::vector<ShownPart> ParseShownParts(absl::string_view mountinfo);

// The paths, as mountinfo gives them, at which the object is seen that the mount `id` shows at
// `path`: all mounts of the file system whose part contains it. `path` itself is among them.
std::vector<std::string> AllNames(const std::vector<ShownPart>& parts, int id,
                                  const std::string& path);

// An error when a file of the tree under `fd` (or `fd` itself, when it is no directory) has a hard
// link outside of it. Does not look into other mounts.
absl::Status CheckLinksStayInside(int fd, const std::string& path);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_OTHER_NAMES_H_
