// Posture: what a container is given, and what it learns of the host.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_POSTURE_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_POSTURE_H_

#include <nlohmann/json.hpp>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// {"summary": {...counts...}, "facts": {...}, "raw": what the guest printed}, or {"fault": ...}.
nlohmann::json Posture(Containers& containers, const Runtime& runtime, Profile profile);

// What the guest printed, judged against this host; pure but for reading the host's own /proc and
// /sys.
nlohmann::json JudgePosture(const nlohmann::json& inside);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_POSTURE_H_
