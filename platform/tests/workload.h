// Starts a workload for the platform's system tests: namespaces, empty root, filter.
#ifndef MOAT_PLATFORM_TESTS_WORKLOAD_H_
#define MOAT_PLATFORM_TESTS_WORKLOAD_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::platform::testing {

// init: pid 1 of the workload's pid namespace, our child; not under the filter, starts and awaits
// the program.
struct Workload {
  pid_t init = -1;
  Fd listener;
  Fd output;  // the program's standard output
  Fd status;  // gets the program's wait status, an int, at its end
};

// Call it while the process has one thread.
absl::StatusOr<Workload> StartWorkload(const std::vector<std::string>& argv);

// Makes this process what a sentry is: in user namespace A with 65536 ids, without effective
// capabilities. Returns in a child; its parent exits with the child's code. Exits with kSkipped
// when not root.
inline constexpr int kSkipped = 77;
void BecomeSupervisor();

}  // namespace moat::platform::testing

#endif  // MOAT_PLATFORM_TESTS_WORKLOAD_H_
