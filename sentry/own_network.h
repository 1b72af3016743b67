// The network namespace of the sentry, which is as empty and as new as the container's: what
// /proc/sys/net says there is shown to the workload (sentry/proc), for the kernel tells each
// process the settings of its own network only.
#ifndef MOAT_SENTRY_OWN_NETWORK_H_
#define MOAT_SENTRY_OWN_NETWORK_H_

#include <map>
#include <string>

#include "base/fd.h"

namespace moat::sentry {

// Makes the container's settings (by their paths below /proc/sys, as TreeConfig::sysctls) in the
// own network too, so that the kernel derives the same from them: net/ipv4/ip_forward, say, sets
// conf/*/forwarding. Those of other namespaces, and of interfaces that are not here, are left out.
// Needs the own namespace's root and its capabilities. `proc`: a procfs.
void SetOwnNetwork(const Fd& proc, const std::map<std::string, std::string>& settings);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_OWN_NETWORK_H_
