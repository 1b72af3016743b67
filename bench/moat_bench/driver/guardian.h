// Cleans up even after a moat-bench that was killed.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_GUARDIAN_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_GUARDIAN_H_

#include <functional>
#include <string>

namespace moat::bench {

// Runs `work` in a child, with a new folder below `place` that is its own, and returns its exit
// code. Whatever becomes of the child, its processes, control groups, traces and the folder are
// gone afterwards. When this process is killed itself, the child is told to stop by SIGTERM, and
// cleans up.
int Guarded(const std::string& place, const std::function<int(const std::string& folder)>& work);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_GUARDIAN_H_
