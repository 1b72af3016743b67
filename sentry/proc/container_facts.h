// What the container looks like from inside: its limits, its usage, its processors, its clock. The
// generators of system-wide files ask here and nowhere else, so that nothing of the host shows.
// Thread-safe.
#ifndef MOAT_SENTRY_PROC_CONTAINER_FACTS_H_
#define MOAT_SENTRY_PROC_CONTAINER_FACTS_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sentry/proc/cpu_limits.h"
#include "sentry/proc/process_source.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

// Bytes.
struct MemoryUsage {
  uint64_t total = 0;  // the limit or the machine's memory, whichever is less
  uint64_t used = 0;   // all that is charged, page cache included
  uint64_t file = 0;   // page cache
  uint64_t inactive_file = 0;
  uint64_t active_file = 0;
  uint64_t anonymous = 0;
  uint64_t shared = 0;
  uint64_t slab = 0;
  uint64_t mapped = 0;
  uint64_t page_faults = 0, major_faults = 0;  // counts
};

// Microseconds since the container's start.
struct CpuUsage {
  uint64_t user = 0;
  uint64_t system = 0;
};

// What the limit of CPU time has done since the container's start.
struct CpuThrottling {
  uint64_t periods = 0;    // in which it ran
  uint64_t throttled = 0;  // those of them in which it had to wait
  uint64_t time = 0;       // for so many microseconds, on all CPUs together
};

struct TaskCounts {
  int running = 0;
  int blocked = 0;
  int threads = 0;
  pid_t last_pid = 0;  // the greatest number in use
};

class ContainerFacts {
 public:
  explicit ContainerFacts(TreeConfig config);

  const TreeConfig& config() const { return config_; }
  const ProcessSource& processes() const { return processes_; }

  const CpuLimits& cpu_limits() const { return cpu_limits_; }

  // The start of the container: of the sentry's process.
  uint64_t start_ticks() const { return start_ticks_; }  // clock ticks since boot
  int64_t start_time() const { return start_time_; }     // seconds since the epoch
  double Uptime() const;                                 // seconds

  const std::string& boot_id() const { return boot_id_; }

  // What the control group says now: `update` changes it. Without a group, what the config said.
  uint64_t MemoryLimit() const;  // bytes, 0: none
  int64_t PidsLimit() const;     // 0: none

  MemoryUsage Memory() const;
  CpuUsage Cpu() const;
  CpuThrottling Throttling() const;
  TaskCounts CountTasks() const;
  // Runnable tasks, averaged over 1, 5 and 15 minutes; sampled when somebody asks.
  std::array<double, 3> LoadAverages(const TaskCounts& counts) const;

 private:
  struct Load {
    double at = 0;  // uptime of the last sample
    std::array<double, 3> averages{};
  };

  const TreeConfig config_;
  const ProcessSource processes_;
  const CpuLimits cpu_limits_;
  uint64_t start_ticks_ = 0;
  int64_t start_time_ = 0;
  std::string boot_id_;
  mutable absl::Mutex mutex_;
  mutable Load load_ ABSL_GUARDED_BY(mutex_);
  // Never runs backwards, although the sum over live processes does when one ends.
  mutable CpuUsage greatest_cpu_ ABSL_GUARDED_BY(mutex_);
};

// A random UUID in its text form, as /proc/sys/kernel/random/uuid gives one; no newline.
std::string RandomUuid();

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_CONTAINER_FACTS_H_
