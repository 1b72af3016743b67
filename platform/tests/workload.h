// Starts a workload for the platform's system tests: namespaces, empty root, filter.
#ifndef MOAT_PLATFORM_TESTS_WORKLOAD_H_
#define MOAT_PLATFORM_TESTS_WORKLOAD_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::platform::testing {

enum class RunAs {
  kChild,  // of the workload's pid 1
  kInit,   // pid 1 itself, as the first program of a container
};

// init: pid 1 of the workload's pid namespace, our child; with
// RunAs::kChild not under the filter, but starting and awaiting the program.
struct Workload {
  pid_t init = -1;
  Fd listener;
  Fd output;  // the program's standard output
  Fd status;  // kChild: gets the program's wait status, an int, at its end
};

// Call it while the process has one thread.
absl::StatusOr<Workload> StartWorkload(const std::vector<std::string>& argv, RunAs run_as);

// Makes this process what a sentry is: in user namespace A with 65536 ids, without effective
// capabilities. Returns in a child; its parent exits with the child's code. Exits with kSkipped
// when not root.
inline constexpr int kSkipped = 77;
void BecomeSupervisor();

}  // namespace moat::platform::testing

#endif  // MOAT_PLATFORM_TESTS_WORKLOAD_H_
