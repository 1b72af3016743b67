// Probes that need a root file system or a config made to deceive the runtime. Each works in a
// folder of its own, on marker files that it made; the evidence says what was seen.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_HOSTILE_IMAGE_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_HOSTILE_IMAGE_H_

#include <nlohmann/json.hpp>
#include <vector>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

struct HostileProbe {
  const char* name;
  nlohmann::json (*run)(Containers& containers, const Runtime& runtime, Profile profile);
};

std::vector<HostileProbe> HostileProbes();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_HOSTILE_IMAGE_H_
