// What changed between two results of the same kind.
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_COMPARE_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_COMPARE_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "bench/moat_bench/report/terminal.h"

namespace moat::bench {

// Prints, runtime by runtime, what is other in `now` than in `before`. Figures of speed are called
// different only when the rounds of the two do not overlap. InvalidArgument when the two are of
// different kinds.
absl::Status CompareResults(const nlohmann::json& before, const nlohmann::json& now,
                            Terminal& terminal);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_COMPARE_H_
