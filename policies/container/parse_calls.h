// The entries of "calls" in a policy.
#ifndef MOAT_POLICIES_CONTAINER_PARSE_CALLS_H_
#define MOAT_POLICIES_CONTAINER_PARSE_CALLS_H_

#include "absl/status/statusor.h"
#include "policies/container/json_text.h"
#include "policies/container/policy.h"

namespace moat::policies {

//   {"calls": ["mprotect"], "action": "errno", "errno": "EACCES",
//    "when": [{"argument": 2, "has": ["PROT_WRITE", "PROT_EXEC"]}], "reason": "no new code"}
absl::StatusOr<CallRule> ParseCallRule(const JsonValue& object);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_PARSE_CALLS_H_
