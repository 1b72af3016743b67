// What other processes can read of this one's command line.
#ifndef MOAT_RUNTIME_LAUNCH_OWN_ARGUMENTS_UNSAFE_H_
#define MOAT_RUNTIME_LAUNCH_OWN_ARGUMENTS_UNSAFE_H_

#include "absl/status/status.h"

namespace moat::launch {

// Overwrites with zeros the memory in which the kernel left this process's arguments and
// environment, and forgets the environment. /proc/PID/cmdline may be read by everybody who sees the
// process (proc_pid_cmdline(5)). `argv` of main and what getenv(3) gave are gone after this.
absl::Status EraseArguments();

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_OWN_ARGUMENTS_UNSAFE_H_
