// The policies that come with moat, and where further ones are found by name.
#ifndef MOAT_POLICIES_CONTAINER_BUILTIN_H_
#define MOAT_POLICIES_CONTAINER_BUILTIN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policies/container/policy.h"

namespace moat::policies {

inline constexpr absl::string_view kDefaultPolicy = "default";
// Where a name that is not built in is looked for: DIRECTORY/NAME.json.
inline constexpr absl::string_view kPolicyDirectory = "/etc/moat/policies";

std::vector<std::string> BuiltinNames();
absl::string_view PolicySchema();  // policies/schema.json

// A built-in policy or one of kPolicyDirectory, with the layers below. NotFound lists what there
// is.
absl::StatusOr<Policy> PolicyOfName(const std::string& name);
// The policy in a file.
absl::StatusOr<Policy> PolicyOfFile(const std::string& path);
// What has a slash in it, or ends in ".json", is a file.
absl::StatusOr<Policy> PolicyOfNameOrFile(const std::string& name_or_path);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_BUILTIN_H_
