#include "runtime/namespaces/joined_network.h"

#include <sched.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace moat::namespaces {
namespace {

struct Switch {
  const char* capability;
  const char* sysctl;  // Documentation/networking/ip-sysctl.rst
  const char* value;
};
constexpr Switch kSwitches[] = {
    {"CAP_NET_BIND_SERVICE", "net.ipv4.ip_unprivileged_port_start", "0"},
    {"CAP_NET_RAW", "net.ipv4.ping_group_range", "0 2147483647"},
};

bool MayHave(const spec::Process& process, absl::string_view capability) {
  if (!process.capabilities) return false;
  const std::vector<std::string>& names = process.capabilities->bounding;
  return std::any_of(names.begin(), names.end(), [capability](const std::string& name) {
    return absl::EqualsIgnoreCase(name, capability);
  });
}

}  // namespace

std::map<std::string, std::string> SysctlsOfJoined(const spec::Spec& spec,
                                                   const NamespacePlan& plan) {
  std::map<std::string, std::string> sysctls = spec.linux_config.sysctl;
  if (!spec.process || !plan.joins_foreign(CLONE_NEWNET)) return sysctls;
  for (const Switch& one : kSwitches) {
    if (MayHave(*spec.process, one.capability)) sysctls.emplace(one.sysctl, one.value);
  }
  return sysctls;
}

}  // namespace moat::namespaces
