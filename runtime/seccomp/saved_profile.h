// linux.seccomp kept in the container's state directory, for processes that join it later (`exec`):
// the profile is the container's, whatever is in the bundle by then.
#ifndef MOAT_RUNTIME_SECCOMP_SAVED_PROFILE_H_
#define MOAT_RUNTIME_SECCOMP_SAVED_PROFILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/spec/spec.h"

namespace moat::seccomp {

// In <state_dir>/seccomp.json; no file without a profile.
absl::Status SaveProfile(const std::string& state_dir, const std::optional<spec::Seccomp>& config);

// Empty when none was saved.
absl::StatusOr<std::optional<spec::Seccomp>> LoadProfile(const std::string& state_dir);

}  // namespace moat::seccomp

#endif  // MOAT_RUNTIME_SECCOMP_SAVED_PROFILE_H_
