// What of a process is set from outside: raising it takes a privilege of the caller's.
#ifndef MOAT_RUNTIME_LAUNCH_LIMITS_H_
#define MOAT_RUNTIME_LAUNCH_LIMITS_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// process.rlimits and process.oomScoreAdj of process `pid`, which runs no foreign code yet.
absl::Status LimitProcess(pid_t pid, const spec::Process& process);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_LIMITS_H_
