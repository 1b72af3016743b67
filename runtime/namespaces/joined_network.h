// What capabilities mean in a network namespace that the container joins.
//
// Such a namespace belongs to the user namespace of whoever made it, above the workload's, so the
// kernel counts none of the workload's capabilities there: a web server that has
// CAP_NET_BIND_SERVICE could not take port 80. Two of them have a switch of the namespace's own
// that gives the same to everybody in it, the ones that containerd's enable_unprivileged_ports and
// enable_unprivileged_icmp set.
#ifndef MOAT_RUNTIME_NAMESPACES_JOINED_NETWORK_H_
#define MOAT_RUNTIME_NAMESPACES_JOINED_NETWORK_H_

#include <map>
#include <string>

#include "runtime/namespaces/namespace_plan.h"
#include "runtime/spec/spec.h"

namespace moat::namespaces {

// linux.sysctl with these switches, as far as the config does not set them itself, the container
// joins a network that is not the caller's, and its processes may get the capability. Not honoured
// in such a network: raw and packet sockets, and configuring its interfaces.
std::map<std::string, std::string> SysctlsOfJoined(const spec::Spec& spec,
                                                   const NamespacePlan& plan);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_JOINED_NETWORK_H_
