// Finds out, before anything is measured, whether a runtime works here at all, and helps where it
// can.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_PREFLIGHT_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_PREFLIGHT_H_

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// Fills in version, and why_not or notes. A runtime that refuses hybrid control groups gets a mount
// namespace that shows cgroup v2 alone, and when that does not do, `--cgroup-manager=disabled` too.
void Preflight(Containers& containers, Runtime& runtime);

// cgroup v1 hierarchies beside a cgroup v2 mount at /sys/fs/cgroup/unified.
bool HostHasHybridGroups();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_PREFLIGHT_H_
