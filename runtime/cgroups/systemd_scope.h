// A scope unit of systemd (systemd.scope(5)) around a container's control groups. systemd makes and
// removes the scope's group and hands it over ("Delegate"); below it moat makes its own, one for
// the workload and one for its supervisors, as without systemd (groups.h). Limits are set on the
// workload's group. What counts among siblings (weights, protected memory) is set on the scope,
// too, since the scope is what has other units for siblings. cgroup v2 alone. Pure but for
// CheckSystemd.
#ifndef MOAT_RUNTIME_CGROUPS_SYSTEMD_SCOPE_H_
#define MOAT_RUNTIME_CGROUPS_SYSTEMD_SCOPE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/spec/spec.h"

namespace moat::cgroups {

// Who makes the groups: nobody (none are made), moat itself, the machine's systemd, or that of the
// calling user.
enum class Manager { kNone, kFiles, kSystemd, kUserSystemd };

inline bool IsSystemd(Manager manager) {
  return manager == Manager::kSystemd || manager == Manager::kUserSystemd;
}

struct ScopeName {
  std::string slice;  // "system.slice"
  std::string unit;   // "moat-web.scope"
};

// From linux.cgroupsPath "slice:prefix:name", of which slice and prefix may be empty. "" is
// ":moat:<id>". The slice is else "system.slice", for a user's systemd "user.slice". Every other
// form is an error, as in runc.
absl::StatusOr<ScopeName> ScopeNameOf(absl::string_view cgroups_path, absl::string_view id,
                                      Manager manager);

// The workload's group below the scope's.
inline constexpr char kBelowScope[] = "/container";

// The unit of a container with these groups (Groups::paths), "" when none is systemd's.
std::string ScopeUnitOf(const std::vector<std::string>& paths);

// What of `resources` counts among siblings, as "CPUWeight=100" (systemd.resource-control(5)).
std::vector<std::string> ScopeProperties(const spec::Resources& resources);

// Whether moat can work with systemd here; an error says why not.
absl::Status CheckSystemd(const Layout& layout);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_SYSTEMD_SCOPE_H_
