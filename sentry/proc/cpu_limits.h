// How much of the machine's CPUs the container may use: what its control groups say now (`update`
// changes it), or, without groups, what its config said. Thread-safe.
#ifndef MOAT_SENTRY_PROC_CPU_LIMITS_H_
#define MOAT_SENTRY_PROC_CPU_LIMITS_H_

#include <cstdint>
#include <vector>

namespace moat::sentry {

struct TreeConfig;

// Microseconds of CPU time in each period, of all CPUs together.
struct CpuQuota {
  int64_t quota = 0;  // 0: without limit
  int64_t period = 100'000;

  double cpus() const { return static_cast<double>(quota) / static_cast<double>(period); }
};

class CpuLimits {
 public:
  // Borrows the descriptors of `config`. To be made while its thread may run wherever the process
  // may.
  explicit CpuLimits(const TreeConfig& config);

  CpuQuota Quota() const;
  // The CPUs that it may run on, in ascending order; at least one.
  std::vector<int> Allowed() const;
  // Those that its quota leaves of them: the first ceil(quota).
  std::vector<int> Visible() const;

 private:
  const CpuQuota configured_;
  const std::vector<int> configured_set_;  // empty: none
  const std::vector<int> own_;             // of this process when it began
  const int group_, set_group_;            // directories, or -1
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_CPU_LIMITS_H_
