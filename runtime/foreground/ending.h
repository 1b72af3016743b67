// How a container ended, out of how its processes did.
#ifndef MOAT_RUNTIME_FOREGROUND_ENDING_H_
#define MOAT_RUNTIME_FOREGROUND_ENDING_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moat::foreground {

// As wait(2) tells it.
struct ExitStatus {
  bool signalled = false;
  int value = 0;  // the exit code, or the signal

  bool clean() const { return !signalled && value == 0; }
  // As a shell says it: the exit code, or 128 + the signal.
  int ShellCode() const { return signalled ? 128 + value : value; }
};

// "was killed by signal 9 (SIGKILL)", "ended with exit code 1".
std::string Describe(const ExitStatus& status);

// One sentence if sentry or gofer did not end as they should after a workload's end, else "". An
// absent status: that process had to be killed by us.
std::string SupervisorFault(absl::string_view id, const std::optional<ExitStatus>& sentry,
                            const std::optional<ExitStatus>& gofer);

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_ENDING_H_
