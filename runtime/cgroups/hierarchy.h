// Which control group hierarchies this host has mounted, and where (cgroups(7)).
#ifndef MOAT_RUNTIME_CGROUPS_HIERARCHY_H_
#define MOAT_RUNTIME_CGROUPS_HIERARCHY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::cgroups {

struct Hierarchy {
  std::string mount;  // "/sys/fs/cgroup/memory"
  std::vector<std::string>
      controllers;  // "memory"; "name=systemd"; v2: what cgroup.controllers says
  bool v2 = false;
};

// v1 hierarchies and, at most once, the v2 one. All v2: a unified host; both: a hybrid one.
struct Layout {
  std::vector<Hierarchy> hierarchies;

  // The one that `controller` is attached to, or null.
  const Hierarchy* Find(absl::string_view controller) const;
  bool unified() const { return hierarchies.size() == 1 && hierarchies.front().v2; }
};

// From the text of a mountinfo file. Controllers of the v2 hierarchy are left empty. Of several
// mounts of one hierarchy the first counts.
Layout ParseLayout(absl::string_view mountinfo);

// The same for this process's own mounts, with the v2 controllers.
absl::StatusOr<Layout> DetectLayout();

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_HIERARCHY_H_
