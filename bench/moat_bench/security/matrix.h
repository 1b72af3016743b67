// The reachability matrix: every system call number by every door, and whether the host's kernel
// ran it.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_MATRIX_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_MATRIX_H_

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bench/moat_bench/driver/containers.h"

namespace moat::bench {

// What the guest saw of one call.
struct CallOutcome {
  enum class Kind { kReturned, kKilled, kExited, kWaits } kind = Kind::kReturned;
  long value = 0;  // result, signal or exit code
  bool operator==(const CallOutcome&) const = default;
};
using CallKey = std::pair<int, int>;  // door, number
using CallOutcomes = std::map<CallKey, CallOutcome>;

// The guest's lines; what is none is skipped. `*whole` tells whether the last line came.
CallOutcomes ParseMatrix(const std::string& text, bool* whole);

enum class Verdict { kAbsent, kNative, kEmulated, kRefused, kKilled, kUntold };
const char* NameOf(Verdict verdict);

// One call: `plain` is what it did on the plain kernel, `inside` in the container (null: nothing
// was told), `ran` whether the host's kernel was seen to run it.
Verdict Judge(CallKey key, const CallOutcome& plain, const CallOutcome* inside, bool ran);

// The reference: the same calls on the plain kernel, in new namespaces on the same root. Once per
// run.
class PlainKernel {
 public:
  // Empty, with the reason in fault(), when it could not be asked.
  const CallOutcomes& Outcomes(Containers& containers);
  const std::string& fault() const { return fault_; }

 private:
  CallOutcomes outcomes_;
  std::string fault_;
  bool asked_ = false;
};

// The whole matrix of a runtime as docs/moat-bench.schema.json has it, or {"fault": ...}.
nlohmann::json Matrix(Containers& containers, const Runtime& runtime, Profile profile,
                      PlainKernel& plain);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_MATRIX_H_
