// `moat-bench security`: all parts for all runtimes, each kept in the journal as it is done.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_SECURITY_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_SECURITY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/moat_bench/driver/containers.h"
#include "bench/moat_bench/report/journal.h"
#include "bench/moat_bench/report/terminal.h"

namespace moat::bench {

inline constexpr const char* kSecurityParts[] = {"matrix", "posture", "escape", "footprint",
                                                 "supervisor"};

// Runs what the journal does not have yet. Cancelled when it was interrupted; a failing runtime is
// no error but a part
// {"fault": ...}.
absl::Status RunSecurity(Containers& containers, const std::vector<Runtime>& runtimes,
                         const std::vector<std::string>& parts, Journal& journal,
                         Terminal& terminal);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_SECURITY_H_
