// Who the workload's first process is: capabilities, groups, ids, umask.
#ifndef MOAT_RUNTIME_LAUNCH_IDENTITY_H_
#define MOAT_RUNTIME_LAUNCH_IDENTITY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// Bit n is capability n.
struct CapabilityMasks {
  uint64_t bounding = 0, effective = 0, inheritable = 0, permitted = 0, ambient = 0;
};

// Absent: none at all. A name that this kernel does not know is left out with a warning.
CapabilityMasks ParseCapabilities(const std::optional<spec::Capabilities>& capabilities);

// Takes the identity on in the calling process, which must have all capabilities of its user
// namespace. Every call is native or answered by the sentry without a look at the caller's memory,
// so the filter may be in force. With `dumpable` the process stays so, without it becomes
// undumpable (proc(5)): then neither its supervisor nor the workload can look into it.
absl::Status TakeIdentity(const spec::User& user, const CapabilityMasks& masks, bool dumpable);

// Takes all groups but the first from the calling process, which must have CAP_SETGID: so EPERM
// means a user namespace with one id (user_namespaces(7)), in which nobody can change them, and is
// no error.
absl::Status DropGroups();

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_IDENTITY_H_
