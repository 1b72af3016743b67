// Who may read what in the tree: mode bits as for any file, and ptrace_may_access between tasks.
#ifndef MOAT_SENTRY_PROC_ACCESS_H_
#define MOAT_SENTRY_PROC_ACCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "sentry/task/task_info.h"

namespace moat::sentry {

// The ids and capabilities that a file permission is checked with.
struct Requester {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  uint64_t capabilities = 0;
};

Requester FileRequester(const TaskInfo& task);
// access(2): the real ids; capabilities only for real uid 0.
Requester RealRequester(const TaskInfo& task);

struct Permissions {
  uint32_t uid = 0;
  uint32_t gid = 0;
  mode_t mode = 0;
  bool directory = false;
};

// Whether all of `wanted` (R_OK, W_OK, X_OK) is granted, capabilities(7) included.
bool Permits(const Requester& requester, const Permissions& permissions, int wanted);

// ptrace(2), "Ptrace access mode checking", PTRACE_MODE_READ_FSCREDS for tasks of one user
// namespace. `dumpable` is the target's.
bool MayTrace(const TaskInfo& viewer, const TaskInfo& target, bool dumpable);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_ACCESS_H_
