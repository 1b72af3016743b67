// The command line of moat-bench.
#ifndef MOAT_BENCH_MOAT_BENCH_OPTIONS_H_
#define MOAT_BENCH_MOAT_BENCH_OPTIONS_H_

#include <string>
#include <vector>

#include "bench/moat_bench/speed/speed.h"

namespace moat::bench {

struct Options {
  enum class Command {
    kNone,
    kSecurity,
    kSpeed,
    kReport,
    kCompare,
    kSchema,
    kBreakdown
  } command = Command::kNone;
  std::vector<std::string> runtimes;
  std::string json, html, markdown;
  bool resume = false;
  std::vector<std::string> parts;  // of security
  SpeedOptions speed;
  bool quick = false;
  std::string work;                // empty: the first place that does
  std::vector<std::string> files;  // of report and --compare
  std::string breakdown;
};

// Parses, or prints what is wrong (or the help) and returns the exit code in `*exit`; -1 means go
// on.
Options ParseOptions(int argc, char** argv, int* exit);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_OPTIONS_H_
