// linux.sysctl: only what belongs to a namespace of the container may be set.
#ifndef MOAT_RUNTIME_NAMESPACES_SYSCTL_H_
#define MOAT_RUNTIME_NAMESPACES_SYSCTL_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::namespaces {

// The CLONE_NEW* flag of the namespace that `name` ("net.ipv4.ip_forward" or with slashes) belongs
// to. An error names one that is the host's. Pure.
absl::StatusOr<int> NamespaceOfSysctl(absl::string_view name);

// The file of `name` below a procfs: "sys/net/ipv4/conf/eth0.1/..." (sysctl(8): with the first
// separator a slash, dots are themselves). Pure.
absl::StatusOr<std::string> SysctlFile(absl::string_view name);

// Those of `values` whose namespace's CLONE_NEW* flag `wanted` holds for. Pure.
absl::StatusOr<std::map<std::string, std::string>> SysctlsOf(
    const std::map<std::string, std::string>& values, const std::function<bool(int flag)>& wanted);

// Writes all of them through `procfs`, which must be the root of a procfs mount (checked: a write
// elsewhere would be a write of the attacker's choice, CVE-2025-52881).
absl::Status WriteSysctls(const std::map<std::string, std::string>& values, int procfs);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_SYSCTL_H_
