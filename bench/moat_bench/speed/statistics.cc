#include "bench/moat_bench/speed/statistics.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace moat::bench {
namespace {
constexpr double kSmallest = 0.03;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Comparison Compare(const std::vector<double>& ours, const std::vector<double>& theirs,
                   bool larger_is_better) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (ours[i] > 0 && theirs[i] > 0) ratios.push_back(ours[i] / theirs[i]);
  }
  Comparison comparison;
  comparison.rounds = static_cast<int>(ratios.size());
  if (ratios.empty()) return comparison;
  comparison.ratio = Median(ratios);
  comparison.lowest = *std::min_element(ratios.begin(), ratios.end());
  comparison.highest = *std::max_element(ratios.begin(), ratios.end());
  if (comparison.rounds < kEnoughRounds) return comparison;
  const bool one_sided = comparison.lowest > 1 || comparison.highest < 1;
  if (!one_sided || std::abs(comparison.ratio - 1) <= kSmallest) {
    comparison.verdict = Comparison::Verdict::kNoDifference;
  } else {
    const bool smaller = comparison.ratio < 1;
    comparison.verdict =
        smaller != larger_is_better ? Comparison::Verdict::kFaster : Comparison::Verdict::kSlower;
  }
  return comparison;
}

std::string RatioText(const Comparison& c) {
  if (c.rounds == 0) return "-";
  if (c.ratio >= 20) return absl::StrFormat("%.0f (%.0f-%.0f)", c.ratio, c.lowest, c.highest);
  return absl::StrFormat("%.2f (%.2f-%.2f)", c.ratio, c.lowest, c.highest);
}

const char* NameOf(Comparison::Verdict verdict) {
  switch (verdict) {
    case Comparison::Verdict::kFaster:
      return "better";
    case Comparison::Verdict::kSlower:
      return "worse";
    case Comparison::Verdict::kNoDifference:
      return "no difference seen";
    case Comparison::Verdict::kTooFewRounds:
      return "too few rounds";
  }
  return "?";
}

std::string TimeText(double nanoseconds) {
  if (nanoseconds >= 1e9) return absl::StrFormat("%.2f s", nanoseconds / 1e9);
  if (nanoseconds >= 1e6) return absl::StrFormat("%.2f ms", nanoseconds / 1e6);
  if (nanoseconds >= 1e3) return absl::StrFormat("%.2f us", nanoseconds / 1e3);
  return absl::StrFormat("%.0f ns", nanoseconds);
}

std::string SizeText(double bytes) { return absl::StrFormat("%.2f MiB", bytes / (1 << 20)); }

}  // namespace moat::bench
