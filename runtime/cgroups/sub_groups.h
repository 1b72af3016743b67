// Groups below the container's own, which somebody made there: where `exec --cgroup` puts a
// process.
#ifndef MOAT_RUNTIME_CGROUPS_SUB_GROUPS_H_
#define MOAT_RUNTIME_CGROUPS_SUB_GROUPS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/cgroups/hierarchy.h"

namespace moat::cgroups {

// From a controller to a path from the container's group on; under "" one path for all of them.
using SubGroups = std::map<std::string, std::string>;

// "PATH", or any number of "CONTROLLER[,CONTROLLER...]:PATH", as runc takes them. An error names
// what is wrong with the words: a controller twice or none, "..". Pure.
absl::StatusOr<SubGroups> ParseSubGroups(const std::vector<std::string>& words);

// `leaves`, the container's groups, each with the path of its hierarchy's controller behind it;
// those whose controller is not named stay. An error names a controller that the container has no
// group of. Pure.
absl::StatusOr<std::vector<std::string>> SubGroupDirectories(const std::vector<std::string>& leaves,
                                                             const Layout& layout,
                                                             const SubGroups& below);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_SUB_GROUPS_H_
