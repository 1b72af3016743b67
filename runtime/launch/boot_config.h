// What the sentry is told of the container in its boot message. Pure.
#ifndef MOAT_RUNTIME_LAUNCH_BOOT_CONFIG_H_
#define MOAT_RUNTIME_LAUNCH_BOOT_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "runtime/spec/spec.h"

namespace moat::launch {

// The boot message's field "tree" (base/boot.h; meanings: sentry/proc/virtual_tree.h,
// TreeConfig). `mount_table` are lines of mountinfo(5), `sysctls` what is set in the container's
// namespaces (linux.sysctl).
nlohmann::json TreeValues(const spec::Spec& spec, const std::string& hostname,
                          const std::vector<std::string>& mount_table,
                          const std::map<std::string, std::string>& sysctls);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_BOOT_CONFIG_H_
