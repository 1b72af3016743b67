// What a container with egress rules by name needs besides the rules: an /etc/resolv.conf that
// leads to moat-resolver, an address for it, and DNS servers that it may ask.
#ifndef MOAT_RUNTIME_RESOLV_NAME_PLAN_H_
#define MOAT_RUNTIME_RESOLV_NAME_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policies/container/policy.h"
#include "runtime/cgroups/groups.h"
#include "runtime/spec/spec.h"

namespace moat::resolv {

// What resolv.conf(5) says. Pure.
struct ResolvConf {
  std::vector<policies::EndPoint> servers;
  std::vector<std::string> kept;  // "search ..." and "options ...", as they are
};
ResolvConf ParseResolvConf(absl::string_view text);
// One that leads to `resolver`.
std::string MakeResolvConf(const policies::EndPoint& resolver,
                           const std::vector<std::string>& kept);

// Chooses servers and address. The servers are those of the policy; else those of the file that
// the config mounts on /etc/resolv.conf; else those of the caller's own. Never those of a file in
// the image: who made it could answer his own questions. Writes `state_dir`/resolv.conf and has
// `spec` mount it. The error says which servers were looked for.
absl::StatusOr<cgroups::NameService> PlanNames(const policies::Egress& egress,
                                               const std::string& state_dir,
                                               const std::string& bundle, spec::Spec& spec);

}  // namespace moat::resolv

#endif  // MOAT_RUNTIME_RESOLV_NAME_PLAN_H_
