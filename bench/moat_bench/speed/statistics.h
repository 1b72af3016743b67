// What rounds of noisy figures allow to say.
#ifndef MOAT_BENCH_MOAT_BENCH_SPEED_STATISTICS_H_
#define MOAT_BENCH_MOAT_BENCH_SPEED_STATISTICS_H_

#include <string>
#include <vector>

namespace moat::bench {

double Median(std::vector<double> values);

// Of two runtimes over the same rounds. A difference is claimed only when there are at least
// kEnoughRounds, every single round points the same way (by chance that happens once in 2^(n-1)
// comparisons of equals, 1 in 64 for 7 rounds), and the median is off by more than 3 %.
inline constexpr int kEnoughRounds = 5;
struct Comparison {
  double ratio = 0, lowest = 0, highest = 0;
  int rounds = 0;
  enum class Verdict {
    kFaster,
    kSlower,
    kNoDifference,
    kTooFewRounds
  } verdict = Verdict::kTooFewRounds;
};
// `ours` over `theirs`, paired by round; smaller is better unless `larger_is_better`.
Comparison Compare(const std::vector<double>& ours, const std::vector<double>& theirs,
                   bool larger_is_better = false);

// "1.23 (1.10-1.40)", and in words.
std::string RatioText(const Comparison& comparison);
const char* NameOf(Comparison::Verdict verdict);

// "12.3 us" for nanoseconds; "3.1 MiB" for bytes.
std::string TimeText(double nanoseconds);
std::string SizeText(double bytes);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SPEED_STATISTICS_H_
