// Escape preconditions: one safe probe for each class of holes that container runtimes had since
// 2019.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_ESCAPE_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_ESCAPE_H_

#include <nlohmann/json.hpp>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// {"open": N, "asked": N, "probes": {name: {"open": bool or null, "evidence": text, "class":
// text}}}. A probe whose container did not come up is closed when the runtime refused it, and says
// what it said.
nlohmann::json Escape(Containers& containers, const Runtime& runtime, Profile profile);

// The class of known holes that a probe stands for.
std::string ClassOf(const std::string& probe);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_ESCAPE_H_
