// The container's control groups: one for the workload and, beside it, one for sentry and gofer
// ("<name>.moat"), so that the workload can neither be charged for them nor starve or freeze them.
// The second one has the same limits of CPU time and CPUs: what a container makes its supervisors
// do is bounded as what it does itself.
//
// cgroup v1, hybrid and v2 hosts (cgroups(7)). Only groups that Create made, or found empty under
// the container's name, are written to or removed. Not thread-safe.
#ifndef MOAT_RUNTIME_CGROUPS_GROUPS_H_
#define MOAT_RUNTIME_CGROUPS_GROUPS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "policies/container/policy.h"
#include "runtime/cgroups/entrance.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/cgroups/sub_groups.h"
#include "runtime/spec/spec.h"

namespace moat::cgroups {

// Who answers the workload's questions for names (moat-resolver), and whom it may ask itself.
struct NameService {
  policies::EndPoint resolver;
  std::vector<policies::EndPoint> servers;
};

// What to create. `path` is linux.cgroupsPath ("" for /moat/<id>); a relative one is taken from
// /moat. `owner` is the container's state directory (claim.h), "": nobody's. `resources` may be
// null.
struct GroupsConfig {
  std::string id;
  std::string owner;
  std::string path;
  const spec::Resources* resources = nullptr;
  // Of the policy; null: wherever the network leads, whatever the config allows.
  const policies::Egress* egress = nullptr;
  const policies::Egress* listen = nullptr;
  const policies::Devices* devices = nullptr;
  const NameService* names = nullptr;  // with egress rules by name
};

// Whether every field of `resources` can be honoured by `layout`; else an error that names the
// field ("linux.resources.memory.swappiness ...").
absl::Status CheckResources(const spec::Resources& resources, const Layout& layout);

// Move-only. Destroying it leaves the groups in place: call Remove.
class Groups {
 public:
  Groups() = default;

  // The directories that Create would make now.
  static absl::StatusOr<std::vector<std::string>> Plan(const Layout& layout,
                                                       const GroupsConfig& config);

  // Makes the groups in every hierarchy of `layout`, with all limits but pids. An existing group of
  // the container's name that holds processes or is another container's is an error. When no
  // hierarchy may be written to: an error if `resources` asks for any limit, or with rules of a
  // policy, else an empty Groups and a warning in the log. Undoes itself on failure.
  static absl::StatusOr<Groups> Create(const Layout& layout, const GroupsConfig& config);

  // The directories that Create made, for the state file; and back, in another process.
  const std::vector<std::string>& paths() const { return paths_; }
  static Groups FromPaths(std::vector<std::string> paths, std::string owner);

  // The way of new processes into the workload's groups, and into those of sentry and gofer.
  absl::StatusOr<Entrance> ForWorkload() const { return Entrance::Open(Leaves(false)); }
  absl::StatusOr<Entrance> ForSupervisor() const { return Entrance::Open(Leaves(true)); }
  // Into groups below, which must be there already.
  absl::StatusOr<Entrance> ForWorkload(const SubGroups& below) const;
  // Sets linux.resources.pids, once no set-up process of ours is left in the group.
  absl::Status ApplyPidsLimit(const spec::Resources* resources) const;

  // Directory descriptors of the workload's groups for the sentry, named as in base/boot.h,
  // as far as they exist. Read-only, and ".." leads nowhere.
  std::vector<std::pair<std::string, Fd>> OpenForSentry() const;

  // The map of addresses that rules by name have opened (egress_program.h), once; none without such
  // rules.
  Fd TakeNameMap() { return std::move(name_map_); }

  // The processes in the workload's group, in the caller's pid namespace.
  absl::StatusOr<std::vector<pid_t>> WorkloadPids() const;

  // How many of the workload's processes were killed because memory ran out; 0 when nobody counts.
  int64_t OutOfMemoryKills() const;

  // Kills whatever is still inside (cgroup.kill, or SIGKILL until the list is empty), then removes
  // the directories. Groups that are gone already are no error; those that are another container's
  // by now are left alone.
  absl::Status Remove();

 private:
  absl::Status MakeAll(const std::string& workload);
  absl::Status ApplyLimits(const spec::Resources* resources, const std::string& workload) const;
  absl::Status ApplyPolicy(const GroupsConfig& config, const std::string& workload);
  absl::Status ApplyEgress(const GroupsConfig& config, const std::string& group);
  // The deepest groups, each once: those of the workload or of the supervisors.
  std::vector<std::string> Leaves(bool supervisor) const;
  // The workload's group there, "" when there is none.
  std::string WorkloadDirectory(const Hierarchy& hierarchy) const;

  Layout layout_;                   // empty after FromPaths
  std::vector<std::string> paths_;  // deepest last; those of the supervisor end in ".moat"
  std::string owner_;
  Fd name_map_;
};

// Removes those of `paths` (parents first) that are empty groups.
void RemoveEmpty(const std::vector<std::string>& paths);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_GROUPS_H_
