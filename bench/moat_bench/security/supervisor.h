// What becomes of a container when the processes that stand between it and the kernel die, hang or
// drown in work.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_SUPERVISOR_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_SUPERVISOR_H_

#include <nlohmann/json.hpp>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// {"has": {role: processes}, "dies": {role: {...}}, "hangs": {role: {...}}, "flooded": {...}}, or
// {"fault": ...}. Signals go only to processes of containers that it made.
nlohmann::json Supervisor(Containers& containers, const Runtime& runtime);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_SUPERVISOR_H_
