// `moat-bench speed`: suites of measurements, in rounds that visit every runtime in turn.
#ifndef MOAT_BENCH_MOAT_BENCH_SPEED_SPEED_H_
#define MOAT_BENCH_MOAT_BENCH_SPEED_SPEED_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/moat_bench/driver/containers.h"
#include "bench/moat_bench/report/journal.h"
#include "bench/moat_bench/report/terminal.h"

namespace moat::bench {

inline constexpr const char* kSpeedSuites[] = {"micro", "life", "memory", "growth", "apps"};

struct SpeedOptions {
  int rounds = 7;
  double min_time = 0.05;                       // seconds for each micro benchmark in each round
  int lives = 5;                                // containers made in each round of "life"
  int idle = 50;                                // containers of "memory"
  std::vector<int> sizes = {1, 10, 100, 1000};  // of "growth"
  std::string rootfs;               // of "apps"; empty: they are left out, and that is said
  std::vector<std::string> suites;  // empty: all
  std::vector<std::string> apps;    // empty: all
};

// One suite, once, in one runtime: {"figures": {name: value}, "units": {name: "ns" | "bytes" |
// "1/s" | ...}, "faults": {name: text}}.
nlohmann::json Micro(Containers& containers, const Runtime& runtime, const SpeedOptions& options);
nlohmann::json Life(Containers& containers, const Runtime& runtime, const SpeedOptions& options);
nlohmann::json Memory(Containers& containers, const Runtime& runtime, const SpeedOptions& options);
nlohmann::json GrowthOf(Containers& containers, const Runtime& runtime,
                        const SpeedOptions& options);
nlohmann::json App(Containers& containers, const Runtime& runtime, const SpeedOptions& options,
                   const std::string& app);

// Runs what the journal lacks; the results stand at speed/ROUND/RUNTIME/SUITE. Cancelled on an
// interrupt.
absl::Status RunSpeed(Containers& containers, const std::vector<Runtime>& runtimes,
                      const SpeedOptions& options, Journal& journal, Terminal& terminal);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SPEED_SPEED_H_
