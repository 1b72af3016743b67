// The constants that a policy may call by name.
#ifndef MOAT_POLICIES_CONTAINER_CONSTANTS_H_
#define MOAT_POLICIES_CONTAINER_CONSTANTS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace moat::policies {

// "AF_UNIX", "PROT_EXEC", "TIOCSTI", ...
std::optional<uint64_t> PolicyConstant(absl::string_view name);
// "EPERM", ...: those that a refusal may give.
std::optional<int> PolicyErrno(absl::string_view name);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_CONSTANTS_H_
