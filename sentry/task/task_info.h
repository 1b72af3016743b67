// What the sentry knows of a task of the workload, read from the kernel (principle 2: the kernel
// keeps the state).
#ifndef MOAT_SENTRY_TASK_TASK_INFO_H_
#define MOAT_SENTRY_TASK_TASK_INFO_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "gofer/client/client.h"

namespace moat::sentry {

struct Ids {
  uint32_t real = 0, effective = 0, saved = 0, fs = 0;
};

// A snapshot of one thread. tid and tgid are numbers in the sentry's pid namespace (P_A), vtid and
// vtgid in the workload's (P_B).
struct TaskInfo {
  pid_t tid = 0, tgid = 0;
  pid_t vtid = 0, vtgid = 0;
  Ids uid, gid;
  std::vector<uint32_t> groups;
  uint64_t cap_permitted = 0, cap_effective = 0;
  uint32_t umask = 022;

  // For path calls: the file system ids and the effective capabilities.
  gofer::Credentials FileCredentials() const;
  // For access(2): the real ids; capabilities as cap_permitted for real uid 0, else none
  // (access(2), "NOTES").
  gofer::Credentials AccessCredentials() const;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_TASK_INFO_H_
