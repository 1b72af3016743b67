// Can a container reach the program that the runtime runs as, and overwrite it (CVE-2019-5736)?
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_RUNTIME_PROGRAM_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_RUNTIME_PROGRAM_H_

#include <nlohmann/json.hpp>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// Makes a container that watches /proc/*/exe while `exec` brings processes into it, /proc/self/exe
// among them, and compares what it saw with the runtime's file on the host. Nothing is opened with
// O_TRUNC or written.
nlohmann::json RuntimeProgramReached(Containers& containers, const Runtime& runtime,
                                     Profile profile);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_RUNTIME_PROGRAM_H_
