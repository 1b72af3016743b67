// Where the time of a mediated call goes: `moat-bench speed --breakdown NAME`.
#ifndef MOAT_BENCH_MOAT_BENCH_SPEED_BREAKDOWN_H_
#define MOAT_BENCH_MOAT_BENCH_SPEED_BREAKDOWN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/moat_bench/driver/containers.h"
#include "bench/moat_bench/report/journal.h"
#include "bench/moat_bench/report/terminal.h"

namespace moat::bench {

// Traces a container of the runtime `name` while it makes stat, open and exec over and over, and
// puts into the journal at breakdown/CALL how many microseconds of one call each step took.
absl::Status RunBreakdown(Containers& containers, const std::vector<Runtime>& runtimes,
                          const std::string& name, Journal& journal, Terminal& terminal);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SPEED_BREAKDOWN_H_
