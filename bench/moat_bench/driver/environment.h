// The machine on which figures were taken, so that they mean something later.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_ENVIRONMENT_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_ENVIRONMENT_H_

#include <nlohmann/json.hpp>

namespace moat::bench {

// Kernel, CPU, number of CPUs, memory, virtualisation, distribution, control groups, mitigations,
// load, and the date.
nlohmann::json Environment();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_ENVIRONMENT_H_
