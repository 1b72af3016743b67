#include "sentry/proc/filters.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace moat::sentry {
namespace {

// Fields of /proc/PID/stat, counted from 1.
constexpr int kStartTime = 22;
constexpr std::array<int, 15> kTraceOnlyFields = {26, 27, 28, 29, 30, 35, 45, 46,
                                                  47, 48, 49, 50, 51, 52, 0};

bool IsTraceOnly(int field) {
  return std::find(kTraceOnlyFields.begin(), kTraceOnlyFields.end(), field) !=
         kTraceOnlyFields.end();
}

// "7f00-7f10 r--p 00000000 fe:01 123  /path": the first line of a mapping.
bool IsMappingHeader(absl::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == absl::string_view::npos) return false;
  const absl::string_view range = line.substr(0, blank);
  if (!absl::StrContains(range, '-')) return false;
  return std::all_of(range.begin(), range.end(),
                     [](char c) { return absl::ascii_isxdigit(c) || c == '-'; });
}

// "00:2a 7": device and inode.
std::string MappedFile(absl::string_view header) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(header, absl::MaxSplits(' ', 5), absl::SkipEmpty());
  return words.size() > 4 ? absl::StrCat(words[3], " ", words[4]) : std::string();
}

struct MountFields {
  absl::string_view point, options, type, source, super_options;
};

std::optional<MountFields> ParseMountinfo(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (dash - words.begin() < 6 || words.end() - dash < 4) return std::nullopt;
  return MountFields{words[4], words[5], dash[1], dash[2], dash[3]};
}

// Options without the leading "rw" or "ro", whose place they share.
std::string TailOfOptions(absl::string_view options) {
  std::string tail;
  for (absl::string_view option : absl::StrSplit(options, ',', absl::SkipEmpty())) {
    if (option != "rw" && option != "ro") absl::StrAppend(&tail, ",", option);
  }
  return tail;
}

bool IsReadOnly(absl::string_view options) {
  return options == "ro" || absl::StartsWith(options, "ro,");
}

}  // namespace

std::string FilterStat(absl::string_view stat, uint64_t origin, bool may_trace) {
  const size_t bracket = stat.rfind(')');
  if (bracket == absl::string_view::npos) return std::string(stat);
  std::string result(stat.substr(0, bracket + 1));
  int field = 3;
  for (absl::string_view word :
       absl::StrSplit(absl::StripAsciiWhitespace(stat.substr(bracket + 1)), ' ')) {
    uint64_t start = 0;
    if (field == kStartTime && absl::SimpleAtoi(word, &start)) {
      absl::StrAppend(&result, " ", start > origin ? start - origin : 0);
    } else {
      absl::StrAppend(&result, " ", !may_trace && IsTraceOnly(field) ? "0" : word);
    }
    ++field;
  }
  return result + "\n";
}

std::string FilterMappings(absl::string_view text, uint64_t device, uint64_t inode) {
  if (device == 0) return std::string(text);
  const std::string wanted = absl::StrFormat("%02x:%02x %d", major(device), minor(device), inode);
  std::string result;
  result.reserve(text.size());
  bool drop = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (IsMappingHeader(line)) drop = MappedFile(line) == wanted;
    if (!drop && !line.empty()) absl::StrAppend(&result, line, "\n");
  }
  return result;
}

std::string FilterCpuinfo(absl::string_view text, absl::Span<const int> cpus) {
  std::string result;
  for (absl::string_view block : absl::StrSplit(text, "\n\n", absl::SkipWhitespace())) {
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(block);
    int number = -1;
    if (absl::ConsumePrefix(&rest, "processor")) {
      const absl::string_view value = rest.substr(0, rest.find('\n'));
      const size_t colon = value.find(':');
      if (colon == absl::string_view::npos || !absl::SimpleAtoi(value.substr(colon + 1), &number))
        continue;
      if (std::find(cpus.begin(), cpus.end(), number) == cpus.end()) continue;
    }
    absl::StrAppend(&result, block, "\n\n");
  }
  return result;
}

std::string MountsLine(absl::string_view mountinfo) {
  const auto mount = ParseMountinfo(mountinfo);
  if (!mount) return "";
  const bool read_only = IsReadOnly(mount->options) || IsReadOnly(mount->super_options);
  return absl::StrCat(mount->source, " ", mount->point, " ", mount->type, " ",
                      read_only ? "ro" : "rw", TailOfOptions(mount->options),
                      TailOfOptions(mount->super_options), " 0 0\n");
}

std::string MountstatsLine(absl::string_view mountinfo) {
  const auto mount = ParseMountinfo(mountinfo);
  if (!mount) return "";
  return absl::StrCat("device ", mount->source, " mounted on ", mount->point, " with fstype ",
                      mount->type, "\n");
}

std::string MountPoint(absl::string_view mountinfo) {
  const auto mount = ParseMountinfo(mountinfo);
  return mount ? std::string(mount->point) : "";
}

std::string CpuList(absl::Span<const int> cpus) {
  std::vector<std::string> ranges;
  for (size_t first = 0; first < cpus.size();) {
    size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    ranges.push_back(first == last ? absl::StrCat(cpus[first])
                                   : absl::StrCat(cpus[first], "-", cpus[last]));
    first = last + 1;
  }
  return absl::StrJoin(ranges, ",");
}

std::string CpuMask(absl::Span<const int> cpus) {
  std::vector<uint32_t> words(1);
  for (int cpu : cpus) {
    const size_t word = static_cast<size_t>(cpu) / 32;
    if (word >= words.size()) words.resize(word + 1);
    words[word] |= uint32_t{1} << (cpu % 32);
  }
  std::string mask = absl::StrFormat("%x", words.back());
  for (size_t i = words.size() - 1; i-- > 0;) absl::StrAppendFormat(&mask, ",%08x", words[i]);
  return mask;
}

}  // namespace moat::sentry
