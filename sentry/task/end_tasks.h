// Ending the workload where the kernel does not: in a pid namespace that is another container's,
// whose tasks outlive both this container's init and this process (docs/adr/011-shared-pids.md).
#ifndef MOAT_SENTRY_TASK_END_TASKS_H_
#define MOAT_SENTRY_TASK_END_TASKS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <utility>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::sentry {

// Thread-safe.
class TaskEnder {
 public:
  // `proc`: procfs of P_A, borrowed. The workload is all processes in the user namespace of process
  // `init`, which only they are in. `tie`: the socket to the other container's sentry.
  static absl::StatusOr<TaskEnder> Create(int proc, pid_t init, Fd tie);

  // Kills every process of the workload, again and again until none is left, and then says "done"
  // over the tie. Without that word, after some seconds, when some don't end: then this process's
  // end ends the other container, too.
  void EndAll() const;

 private:
  TaskEnder(int proc, const struct stat& user_namespace, Fd tie)
      : proc_(proc), user_namespace_(user_namespace), tie_(std::move(tie)) {}
  bool IsOurs(pid_t pid) const;
  // How many were still there.
  int KillOnce() const;

  int proc_;
  struct stat user_namespace_;
  Fd tie_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_END_TASKS_H_
