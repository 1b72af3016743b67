#include "runtime/foreground/signal_names.h"

#include <csignal>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace moat::foreground {
namespace {

// What the kernel takes, before glibc keeps the first real-time signals for itself.
constexpr int kMaxSignal = 64;

// "RTMIN+3" and the like: 0 if it is not one.
int RealTimeSignal(absl::string_view name) {
  int base;
  if (absl::ConsumePrefix(&name, "RTMIN")) {
    base = SIGRTMIN;
  } else if (absl::ConsumePrefix(&name, "RTMAX")) {
    base = SIGRTMAX;
  } else {
    return 0;
  }
  int offset = 0;
  if (!name.empty() && !absl::SimpleAtoi(name, &offset)) return 0;
  const int signal = base + offset;
  return signal >= SIGRTMIN && signal <= SIGRTMAX ? signal : 0;
}

}  // namespace

absl::StatusOr<int> ParseSignal(absl::string_view text) {
  int number;
  if (absl::SimpleAtoi(text, &number)) {
    if (number >= 1 && number <= kMaxSignal) return number;
    return absl::InvalidArgumentError(
        absl::StrCat("signal ", text, " is not in 1 to ", kMaxSignal));
  }
  const std::string upper = absl::AsciiStrToUpper(text);
  const absl::string_view name = absl::StripPrefix(upper, "SIG");
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known && name == known) return signal;
  }
  if (const int signal = RealTimeSignal(name)) return signal;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a signal (`kill -l` lists them)"));
}

std::string SignalName(int signal) {
  if (const char* name = ::sigabbrev_np(signal)) return absl::StrCat("SIG", name);
  return absl::StrCat("signal ", signal);
}

}  // namespace moat::foreground
