// Parts of the kernel in which escapes were found, each asked for its smallest harmless service.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_SYSCALL_PROBES_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_SYSCALL_PROBES_H_

#include <string>
#include <vector>

namespace moat::bench {

struct SyscallProbe {
  const char* name;
  // Begins with "open: " when the service was had. To be run in a child of its own.
  std::string (*run)();
};

std::vector<SyscallProbe> SyscallProbes();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_SYSCALL_PROBES_H_
