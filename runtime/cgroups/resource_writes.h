// From linux.resources to what is to be written to which control file. Pure.
#ifndef MOAT_RUNTIME_CGROUPS_RESOURCE_WRITES_H_
#define MOAT_RUNTIME_CGROUPS_RESOURCE_WRITES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/spec/spec.h"

namespace moat::cgroups {

struct ControlWrite {
  std::string controller;  // "memory"
  std::string file;        // "memory.limit_in_bytes"
  std::string value;
  std::string field;  // of the config, for errors
  // What kernels without `file` have in its place: "" as a file: nothing, and that is an error
  // unless `optional`.
  std::string other_file, other_value;
  bool optional = false;
};

// Everything but pids and devices, in the order in which it is to be written. An error names the
// field that can't be honoured on this host or not yet.
absl::StatusOr<std::vector<ControlWrite>> PlanWrites(const spec::Resources& resources,
                                                     const Layout& layout);

// Whether it limits sentry and gofer, too, in their own group: the workload makes them use CPUs.
// (Their memory is small and does not grow with its.)
bool BindsSupervisors(const ControlWrite& write);

// linux.resources.pids.limit; empty when there is none.
std::vector<ControlWrite> PlanPidsWrites(const spec::Resources& resources);

// What every container may use and the config's rules, each counting before those in front of it;
// whatever no rule names is denied (runtime-spec config-linux.md, "Default Devices"). `resources`
// may be null.
std::vector<spec::DeviceRule> DeviceRules(const spec::Resources* resources);

// Rules of the v1 devices controller: nothing but the config's rules and the default devices.
// `resources` may be null.
std::vector<ControlWrite> PlanDeviceWrites(const spec::Resources* resources);

// Whether the config's device rules hold without the devices controller, given that every mount of
// the container but its /dev is nodev: then "allow" needs nothing, and "deny all" is so anyway.
absl::Status CheckDevicesWithoutController(const spec::Resources& resources);

// cpu.weight for cpu.shares: 2..262144 onto 1..10000.
uint64_t WeightOfShares(uint64_t shares);
// io.weight for blockIO.weight: 10..1000 onto 1..10000.
uint64_t IoWeight(uint16_t weight);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_RESOURCE_WRITES_H_
