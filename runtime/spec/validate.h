// What a configuration must say beyond its types (runtime-spec 1.3), and what moat can't do yet.
#ifndef MOAT_RUNTIME_SPEC_VALIDATE_H_
#define MOAT_RUNTIME_SPEC_VALIDATE_H_

#include "absl/status/status.h"
#include "runtime/spec/spec.h"

namespace moat::spec {

// The first fault as "<field path>: <problem>". Looks at nothing outside `spec`: that root.path
// exists, that a capability is known to the kernel and so on is for the set-up to find.
absl::Status Validate(const Spec& spec);

// Its parts for the object "process" and "linux".
absl::Status ValidateProcess(const Process& process);
absl::Status ValidateLinux(const Linux& config);

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_VALIDATE_H_
