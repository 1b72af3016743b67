// The system call filter that a process of the workload installs.
#ifndef MOAT_RUNTIME_LAUNCH_FILTER_H_
#define MOAT_RUNTIME_LAUNCH_FILTER_H_

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/seccomp/profile.h"

namespace moat::launch {

struct Filter {
  std::vector<sock_filter> program;
  uint64_t cookie = 0;       // the one that `program` lets pass
  seccomp::Profile profile;  // linux.seccomp, to go on top
  int asking_filters = 0;    // BootConfig::filters
  std::string policy;        // what `program` was made from, for the sentry (SavedPolicy)
};

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_FILTER_H_
