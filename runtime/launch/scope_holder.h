// A scope of systemd's for a container that is being made. systemd wants a process for a scope, and
// takes a scope without any away: until the container's own are there, a child of ours is in it.
#ifndef MOAT_RUNTIME_LAUNCH_SCOPE_HOLDER_H_
#define MOAT_RUNTIME_LAUNCH_SCOPE_HOLDER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/cgroups/systemd_scope.h"
#include "runtime/launch/process.h"

namespace moat::launch {

class ScopeHolder {
 public:
  ScopeHolder(const ScopeHolder&) = delete;
  ScopeHolder& operator=(const ScopeHolder&) = delete;
  // Leaves the scope to the processes that are in it by now.
  ~ScopeHolder();

  // Has systemd start the scope. `program`: moat-systemd; `layout`: of cgroup v2 alone. The caller
  // is single-threaded.
  static absl::StatusOr<std::unique_ptr<ScopeHolder>> Create(
      const std::string& program, cgroups::Manager manager, const cgroups::ScopeName& name,
      const std::vector<std::string>& properties, const cgroups::Layout& layout);

  // What the workload's group is called, as linux.cgroupsPath: "/system.slice/moat-web.scope/..."
  const std::string& workload() const { return workload_; }

 private:
  explicit ScopeHolder(Process process) : process_(std::move(process)) {}
  absl::Status MakeRoom(const std::string& unit, const cgroups::Layout& layout);

  Process process_;
  std::string workload_;
  std::string directory_;  // where process_ is
};

// For a container that runs already: sets the properties of its scope.
absl::Status SetScopeProperties(const std::string& program, cgroups::Manager manager,
                                const std::string& unit,
                                const std::vector<std::string>& properties);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_SCOPE_HOLDER_H_
