// Footprint: how much of the host's kernel a container's work sets in motion, and on whose behalf.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_FOOTPRINT_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_FOOTPRINT_H_

#include <nlohmann/json.hpp>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// {"works": {name: {"guest_calls": N, "host_calls": {role: per guest call}}}, "functions": {role:
// {"samples", "seen", "expected"}}}, or {"fault": ...}. docs/moat-bench.md says how it is measured.
nlohmann::json Footprint(Containers& containers, const Runtime& runtime);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_FOOTPRINT_H_
