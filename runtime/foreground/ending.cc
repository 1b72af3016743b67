#include "runtime/foreground/ending.h"

#include <csignal>

#include "absl/strings/str_cat.h"
#include "runtime/foreground/signal_names.h"

namespace moat::foreground {
namespace {

std::string Sentence(absl::string_view part, absl::string_view id, absl::string_view what) {
  return absl::StrCat("the ", part, " of container ", id, " ", what,
                      "; the container has been ended");
}

// Sentry and gofer have system call filters of their own (policies/), and nothing else in them
// raises SIGSYS.
std::string DescribeSupervisor(const ExitStatus& status) {
  if (!status.signalled || status.value != SIGSYS) return Describe(status);
  return "was killed by its own system call filter (the kernel's log names the call)";
}

}  // namespace

std::string Describe(const ExitStatus& status) {
  if (!status.signalled) return absl::StrCat("ended with exit code ", status.value);
  return absl::StrCat("was killed by signal ", status.value, " (", SignalName(status.value), ")");
}

std::string SupervisorFault(absl::string_view id, const std::optional<ExitStatus>& sentry,
                            const std::optional<ExitStatus>& gofer) {
  // A killed sentry takes the gofer with it (it is pid 1 of their namespace), and without a gofer
  // the sentry ends with an error: so the order tells the cause from its effect.
  if (sentry && sentry->signalled) return Sentence("sentry", id, DescribeSupervisor(*sentry));
  if (gofer && !gofer->clean() && !(sentry && sentry->clean())) {
    return Sentence("gofer", id, DescribeSupervisor(*gofer));
  }
  if (sentry && !sentry->clean()) return Sentence("sentry", id, DescribeSupervisor(*sentry));
  if (!sentry) return Sentence("sentry", id, "did not end by itself and was killed");
  return "";
}

}  // namespace moat::foreground
