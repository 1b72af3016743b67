// Reads a policy file. Every error is "SOURCE:LINE:COLUMN: problem". What needs the table of system
// calls (whether a call exists, whether a rule loosens) is checked by
// sentry/syscalls/call_policy.h.
#ifndef MOAT_POLICIES_CONTAINER_PARSE_POLICY_H_
#define MOAT_POLICIES_CONTAINER_PARSE_POLICY_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policies/container/policy.h"

namespace moat::policies {

// Pure.
absl::StatusOr<Layer> ParseLayer(absl::string_view source, absl::string_view text);

// The file of a name, as "extends" gives it.
using FindPolicy = std::function<absl::StatusOr<Layer>(const std::string& name)>;

// `top` with the layers that it extends. A circle is an error.
absl::StatusOr<Policy> WithLayersBelow(Layer top, const FindPolicy& find);

// To keep a policy with a container, and back.
std::string SavedPolicy(const Policy& policy);
absl::StatusOr<Policy> PolicyFromSaved(const std::string& saved);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_PARSE_POLICY_H_
