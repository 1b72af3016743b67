#include "sentry/task/status_file.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace moat::sentry {
namespace {

// Which fields were seen; a task without one of them is not trusted.
enum Seen : unsigned {
  kTgid = 1,
  kPid = 2,
  kUid = 4,
  kGid = 8,
  kGroups = 16,
  kNStgid = 32,
  kNSpid = 64,
  kCapPrm = 128,
  kCapEff = 256,
  kUmask = 512,
  kSigBlk = 1024,
  kAll = 2047
};

bool ParseHex(absl::string_view text, uint64_t* out) {
  return absl::numbers_internal::safe_strtou64_base(text, out, 16);
}

bool ParseIds(absl::string_view text, Ids* ids) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '\t');
  return parts.size() == 4 && absl::SimpleAtoi(parts[0], &ids->real) &&
         absl::SimpleAtoi(parts[1], &ids->effective) && absl::SimpleAtoi(parts[2], &ids->saved) &&
         absl::SimpleAtoi(parts[3], &ids->fs);
}

bool ParseGroups(absl::string_view text, std::vector<uint32_t>* groups) {
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    uint32_t group;
    if (!absl::SimpleAtoi(part, &group)) return false;
    groups->push_back(group);
  }
  return true;
}

// The number in the innermost namespace comes last.
bool ParseInnermost(absl::string_view text, pid_t* id) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '\t');
  return absl::SimpleAtoi(parts.back(), id);
}

bool ParseUmask(absl::string_view text, uint32_t* umask) {
  uint64_t value;
  if (!absl::numbers_internal::safe_strtou64_base(text, &value, 8)) return false;
  *umask = static_cast<uint32_t>(value);
  return true;
}

// The bit of the field when it was one of ours and well formed, 0 when it is of no interest;
// nothing when malformed.
std::optional<unsigned> ParseField(absl::string_view name, absl::string_view text,
                                   StatusFile* status) {
  TaskInfo& task = status->task;
  const auto take = [](bool good, unsigned bit) {
    return good ? std::optional<unsigned>(bit) : std::nullopt;
  };
  if (name == "Umask") return take(ParseUmask(text, &task.umask), kUmask);
  if (name == "Tgid") return take(absl::SimpleAtoi(text, &task.tgid), kTgid);
  if (name == "Pid") return take(absl::SimpleAtoi(text, &task.tid), kPid);
  if (name == "Uid") return take(ParseIds(text, &task.uid), kUid);
  if (name == "Gid") return take(ParseIds(text, &task.gid), kGid);
  if (name == "Groups") return take(ParseGroups(text, &task.groups), kGroups);
  if (name == "NStgid") return take(ParseInnermost(text, &task.vtgid), kNStgid);
  if (name == "NSpid") return take(ParseInnermost(text, &task.vtid), kNSpid);
  if (name == "CapPrm") return take(ParseHex(text, &task.cap_permitted), kCapPrm);
  if (name == "CapEff") return take(ParseHex(text, &task.cap_effective), kCapEff);
  if (name == "SigPnd") return take(ParseHex(text, &status->signals.thread), 0);
  if (name == "ShdPnd") return take(ParseHex(text, &status->signals.group), 0);
  if (name == "SigBlk") return take(ParseHex(text, &status->signals.blocked), kSigBlk);
  if (name == "SigIgn") return take(ParseHex(text, &status->signals.ignored), 0);
  return 0;
}

}  // namespace

std::optional<StatusFile> ParseStatus(absl::string_view text) {
  StatusFile status;
  unsigned seen = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const auto bit = ParseField(field.first, absl::StripAsciiWhitespace(field.second), &status);
    if (!bit.has_value()) return std::nullopt;
    seen |= *bit;
  }
  if (seen != kAll) return std::nullopt;
  return status;
}

}  // namespace moat::sentry
