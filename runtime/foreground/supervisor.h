// Stays with a container in the foreground, from its start to its end: passes signals and the
// terminal on, keeps the time, reaps init, sentry and gofer. Or with one process that exec brought
// into a container of somebody else's.
#ifndef MOAT_RUNTIME_FOREGROUND_SUPERVISOR_H_
#define MOAT_RUNTIME_FOREGROUND_SUPERVISOR_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/foreground/ending.h"
#include "runtime/foreground/signal_catcher.h"

namespace moat::foreground {

// Descriptors are borrowed. The processes are children of the caller.
struct Supervised {
  std::string id;
  pid_t init_pid = -1;
  int init_pidfd = -1;
  int sentry_pidfd = -1;  // -1 both: `init` is a process that exec brought
  int gofer_pidfd = -1;
  int terminal_master = -1;  // -1: the container has none, or another has its master
  std::optional<absl::Duration> timeout;
  // A signal that would end an ordinary process ends the container too, although init, as pid 1 of
  // its namespace, would not notice it (pid_namespaces(7)).
  bool end_on_default_action = false;
};

struct Ending {
  ExitStatus init;
  bool timed_out = false;
  std::string fault;  // one sentence when sentry or gofer failed, else ""
};

// Returns when all are dead and reaped, and the terminal's last output is written. An error
// leaves them running. Not reentrant: one at a time in a process.
absl::StatusOr<Ending> Supervise(const Supervised& container, const SignalCatcher& signals);

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_SUPERVISOR_H_
