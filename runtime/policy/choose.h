// Which policy a container gets, and what its limits do to the config.
#ifndef MOAT_RUNTIME_POLICY_CHOOSE_H_
#define MOAT_RUNTIME_POLICY_CHOOSE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policies/container/policy.h"
#include "runtime/spec/spec.h"

namespace moat::policy {

// The annotation of config.json that names a policy: a name only, never a file, as annotations may
// come from whoever wrote a pod.
inline constexpr char kAnnotation[] = "dev.moat.policy";

// `option` (--policy: a name or a file), else the annotation, else "default". Checked as a whole:
// every error of the policy is found here.
absl::StatusOr<policies::Policy> Choose(const std::string& option,
                                        const std::map<std::string, std::string>& annotations);

// Makes the config's limits no larger than the policy's.
void ApplyLimits(const policies::Limits& limits, spec::Spec& spec);
// The same for one process (`moat exec`).
void ApplyLimits(const policies::Limits& limits, spec::Process& process);

// With the container, for a later exec: `policy.json` in its state directory.
absl::Status Save(const policies::Policy& policy, const std::string& state_dir);
absl::StatusOr<policies::Policy> Load(const std::string& state_dir);

}  // namespace moat::policy

#endif  // MOAT_RUNTIME_POLICY_CHOOSE_H_
