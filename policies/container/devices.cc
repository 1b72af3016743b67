#include "policies/container/devices.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::policies {
namespace {

constexpr absl::string_view kAccess = "rwm";

absl::Status Fault(absl::string_view problem) { return absl::InvalidArgumentError(problem); }

absl::StatusOr<std::optional<uint32_t>> ParseNumber(absl::string_view text) {
  uint32_t number = 0;
  // Of a dev_t in the kernel; the minor has 20 bits, the major 12.
  constexpr uint32_t kMost = 1 << 20;
  if (text == "*") return std::optional<uint32_t>();
  if (!absl::SimpleAtoi(text, &number) || number >= kMost) {
    return Fault(absl::StrCat("\"", text, "\" is no number of a device"));
  }
  return std::optional<uint32_t>(number);
}

absl::Status ReadNumbers(absl::string_view text, DeviceRule& rule) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() != 2) return Fault(absl::StrCat("\"", text, "\" is not MAJOR:MINOR"));
  ASSIGN_OR_RETURN(rule.major, ParseNumber(parts[0]));
  ASSIGN_OR_RETURN(rule.minor, ParseNumber(parts[1]));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeviceRule> ParseDevice(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty() || words[0].size() != 1 ||
      absl::string_view("abc").find(words[0][0]) == absl::string_view::npos) {
    return Fault("write a device as c 10:232, b *:* or a, with r, w and m behind it if not all");
  }
  DeviceRule rule;
  rule.text = std::string(text);
  rule.type = words[0][0];
  size_t next = 1;
  if (rule.type != 'a') {
    if (words.size() < 2) return Fault("MAJOR:MINOR is missing");
    RETURN_IF_ERROR(ReadNumbers(words[next++], rule));
  }
  if (next < words.size()) rule.access = std::string(words[next++]);
  const bool known = std::all_of(rule.access.begin(), rule.access.end(),
                                 [](char c) { return kAccess.find(c) != absl::string_view::npos; });
  if (!known) return Fault(absl::StrCat("\"", rule.access, "\" is no access: of r, w and m"));
  if (next < words.size()) return Fault(absl::StrCat("\"", words[next], "\" is not understood"));
  return rule;
}

unsigned AccessBits(const DeviceRule& rule) {
  if (rule.access.empty()) return (1U << kAccess.size()) - 1;
  unsigned bits = 0;
  for (const char c : rule.access) bits |= 1U << kAccess.find(c);
  return bits;
}

bool Covers(const DeviceRule& wide, const DeviceRule& device) {
  if (wide.type == 'a') return true;
  const auto holds = [](const std::optional<uint32_t>& w, const std::optional<uint32_t>& d) {
    return !w || w == d;
  };
  return wide.type == device.type && holds(wide.major, device.major) &&
         holds(wide.minor, device.minor);
}

}  // namespace moat::policies
