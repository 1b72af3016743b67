// Where the groups of a container lie in a hierarchy. Pure.
#ifndef MOAT_RUNTIME_CGROUPS_GROUP_PATHS_H_
#define MOAT_RUNTIME_CGROUPS_GROUP_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::cgroups {

inline constexpr char kSupervisorSuffix[] = ".moat";

// The workload's group below a mount point, "/moat/<id>": from linux.cgroupsPath, which is taken
// from the mount point when absolute, from /moat when relative, and is empty for the default. The
// systemd form "slice:prefix:name" is the path that systemd would give that scope; moat makes the
// directory itself and systemd does not know of it. Errors: "..", a bare "/".
absl::StatusOr<std::string> WorkloadPath(absl::string_view cgroups_path, absl::string_view id);

// Every directory from below `mount` down to `path`: "/m", "/a/b" gives "/m/a", "/m/a/b".
std::vector<std::string> DirectoriesDownTo(absl::string_view mount, absl::string_view path);

// Whether another of `paths` lies below `path`: such a group may be shared with other containers.
bool IsParentOfAny(absl::string_view path, const std::vector<std::string>& paths);

bool IsSupervisor(absl::string_view path);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_GROUP_PATHS_H_
