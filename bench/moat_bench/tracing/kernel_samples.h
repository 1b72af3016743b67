// Which functions of the host's kernel are at work for a set of processes, by sampling.
//
// A timer (perf's software event cpu-clock, which needs no hardware counters) interrupts each CPU;
// when a watched process is inside of the kernel, its stack of kernel functions is kept. Functions
// that are rare or short are missed: counts are lower bounds, and comparable only at an equal
// number of samples (ExpectedFunctions).
#ifndef MOAT_BENCH_MOAT_BENCH_TRACING_KERNEL_SAMPLES_H_
#define MOAT_BENCH_MOAT_BENCH_TRACING_KERNEL_SAMPLES_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::bench {

struct KernelSample {
  pid_t process = 0;
  std::vector<uint64_t> stack;
};

class KernelSampler {
 public:
  // Samples all processes that this one starts from now on. Unavailable, with the reason, when the
  // kernel does not allow it.
  static absl::StatusOr<std::unique_ptr<KernelSampler>> Start(int per_second);
  ~KernelSampler();
  // Takes what has been sampled since; to be called often enough that the buffers do not run over.
  void Collect();
  const std::vector<KernelSample>& samples() const { return samples_; }

 private:
  struct Buffer {
    Fd event;
    void* memory = nullptr;
  };
  KernelSampler() = default;
  void CollectOne(Buffer& buffer);
  std::vector<Buffer> buffers_;
  std::vector<KernelSample> samples_;
};

// Names of kernel functions by address (/proc/kallsyms).
class KernelSymbols {
 public:
  static absl::StatusOr<KernelSymbols> Read();
  // Empty when it is no address of a function.
  std::string NameOf(uint64_t address) const;

 private:
  std::map<uint64_t, std::string> names_;
};

// In how many samples each function stands.
std::map<std::string, int> FunctionCounts(const std::vector<const KernelSample*>& samples,
                                          const KernelSymbols& symbols);

// How many functions `wanted` samples out of `all` would show, on average (rarefaction).
double ExpectedFunctions(const std::map<std::string, int>& counts, int all, int wanted);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_TRACING_KERNEL_SAMPLES_H_
