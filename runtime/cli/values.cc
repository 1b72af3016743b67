#include "runtime/cli/values.h"

#include <climits>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::cli {
namespace {

absl::Status Bad(absl::string_view text, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not ", wanted));
}

// The power of 1024 that a suffix stands for; -1 for none that we know.
int SizePower(absl::string_view suffix) {
  static constexpr absl::string_view kUnits = "bkmgt";
  const std::string lower = absl::AsciiStrToLower(suffix);
  if (lower.empty()) return 0;
  const size_t power = kUnits.find(lower[0]);
  const absl::string_view rest = absl::string_view(lower).substr(1);
  if (power == absl::string_view::npos) return -1;
  const bool known = rest.empty() || (power > 0 && (rest == "b" || rest == "ib"));
  return known ? static_cast<int>(power) : -1;
}

}  // namespace

absl::StatusOr<int64_t> ParseSize(absl::string_view text) {
  const absl::Status bad = Bad(text, "a size like 512M or 2G");
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
    ++digits;
  }
  int64_t number;
  const int power = SizePower(text.substr(digits));
  if (!absl::SimpleAtoi(text.substr(0, digits), &number) || number <= 0 || power < 0) return bad;
  const int shift = 10 * power;
  if (number > INT64_MAX >> shift) return bad;
  return number << shift;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  double seconds;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return Bad(text, "a duration like 10s or 1m30s");
  }
  if (duration <= absl::ZeroDuration() || duration > absl::Hours(24 * 366)) {
    return Bad(text, "a duration above 0 and below a year");
  }
  return duration;
}

absl::StatusOr<int64_t> ParseCpuQuota(absl::string_view text) {
  double processors;
  if (!absl::SimpleAtod(text, &processors) || !(processors >= 0.01) || processors > 65536) {
    return Bad(text, "a number of processors like 2 or 0.5");
  }
  return std::llround(processors * static_cast<double>(kCpuPeriod));
}

absl::StatusOr<Volume> ParseVolume(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  const bool mode_known = parts.size() == 2 || parts.back() == "ro" || parts.back() == "rw";
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || !mode_known) {
    return Bad(text, "SRC:DST or SRC:DST:ro");
  }
  if (!absl::StartsWith(parts[1], "/")) {
    return Bad(text, "SRC:DST with an absolute path DST");
  }
  const std::unique_ptr<char, decltype(&std::free)> source(::realpath(parts[0].c_str(), nullptr),
                                                           &std::free);
  if (!source) return ErrnoStatus(errno, "--volume", parts[0]);
  return Volume{source.get(), parts[1], parts.size() == 3 && parts[2] == "ro"};
}

}  // namespace moat::cli
