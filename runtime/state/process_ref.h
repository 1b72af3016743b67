// A process that other commands of moat, later, must recognise: its number alone would be reused.
#ifndef MOAT_RUNTIME_STATE_PROCESS_REF_H_
#define MOAT_RUNTIME_STATE_PROCESS_REF_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::state {

struct ProcessRef {
  pid_t pid = 0;            // in our pid namespace; 0: none
  uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat (proc(5))
};

// For a process that is known to exist, such as a child not yet waited for.
absl::StatusOr<ProcessRef> IdentifyProcess(pid_t pid);

// A pidfd of exactly that process. NotFound when it is gone, or only a zombie is left of it.
absl::StatusOr<Fd> OpenProcess(const ProcessRef& process);

bool IsAlive(const ProcessRef& process);

}  // namespace moat::state

#endif  // MOAT_RUNTIME_STATE_PROCESS_REF_H_
