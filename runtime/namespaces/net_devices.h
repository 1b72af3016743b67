// linux.netDevices: interfaces of the host that move into the container's network
// (runtime-spec 1.3, config-linux.md, "Network Devices"), by rtnetlink(7).
#ifndef MOAT_RUNTIME_NAMESPACES_NET_DEVICES_H_
#define MOAT_RUNTIME_NAMESPACES_NET_DEVICES_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "runtime/spec/spec.h"

namespace moat::namespaces {

// Moves each into the network namespace of `net_namespace` under its new name ("eth%d": the first
// free one), gives it back its permanent addresses of global scope, which the kernel takes with the
// move, and sets it up. The kernel takes it back to its first network, or destroys it, with the
// namespace. The caller must be single-threaded and may change both networks. Errors name the
// device; those that were moved before stay moved.
absl::Status MoveNetDevices(const std::map<std::string, spec::NetDevice>& devices,
                            int net_namespace);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_NET_DEVICES_H_
