#include "runtime/hostview/sub_ids.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moat::hostview {

std::vector<IdRange> FindSubIds(absl::string_view text, absl::string_view name, uid_t uid) {
  std::vector<IdRange> found;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(absl::StripAsciiWhitespace(line), ':');
    IdRange range;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &range.first) ||
        !absl::SimpleAtoi(parts[2], &range.size) || range.size == 0) {
      continue;
    }
    if ((!name.empty() && parts[0] == name) || parts[0] == absl::StrCat(uid)) {
      found.push_back(range);
    }
  }
  return found;
}

std::vector<std::string> MapArguments(uint32_t own, const std::vector<IdRange>& ranges) {
  std::vector<std::string> arguments = {"0", absl::StrCat(own), "1"};
  uint64_t inside = 1;
  for (const IdRange& range : ranges) {
    if (inside + range.size > UINT32_MAX) break;
    for (uint64_t number : {inside, uint64_t{range.first}, uint64_t{range.size}}) {
      arguments.push_back(absl::StrCat(number));
    }
    inside += range.size;
  }
  return arguments;
}

}  // namespace moat::hostview
