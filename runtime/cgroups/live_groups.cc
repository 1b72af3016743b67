#include "runtime/cgroups/live_groups.h"

#include <unistd.h>

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/cgroups/group_paths.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/cgroups/resource_writes.h"

namespace moat::cgroups {
namespace {

constexpr size_t kMaxControlFile = 1 << 20;
constexpr absl::Duration kFreezeTimeout = absl::Seconds(10);
constexpr char kV1State[] = "freezer.state";  // cgroup-v1/freezer-subsystem.rst
constexpr char kV2State[] = "cgroup.freeze";  // cgroup-v2.rst, "Core Interface Files"

// A control file and what it held before we wrote to it.
struct Undo {
  std::string path;
  std::string value;
};

// Some files refuse a value because of what another one still has: memory and memory+swap limits
// (in which order depends on whether they grow), CFS period and quota. Whatever is refused gets a
// second try after all others.
absl::Status WriteAll(const std::vector<std::pair<std::string, ControlWrite>>& writes,
                      std::vector<Undo>& undo) {
  std::vector<std::pair<std::string, ControlWrite>> refused;
  absl::Status first_refusal;
  for (const auto& [path, write] : writes) {
    auto before = ReadFile(path, kMaxControlFile);
    const absl::Status status = WriteFile(path, write.value);
    const int error = StatusErrno(status);
    if (status.ok() && before.ok()) {
      undo.push_back({path, std::string(absl::StripAsciiWhitespace(*before))});
    } else if (error == EINVAL || error == EBUSY) {
      refused.emplace_back(path, write);
      if (!first_refusal.ok()) continue;
      first_refusal = Annotate(status, write.field);
      if (error == EBUSY) first_refusal = Annotate(first_refusal, "the container uses more now");
    } else if (!status.ok()) {
      return Annotate(status, write.field);
    }
  }
  if (refused.empty()) return absl::OkStatus();
  if (refused.size() == writes.size()) return first_refusal;
  return WriteAll(refused, undo);
}

// Says what runc's users leave unsaid: memory without a limit has swap without a limit, and in v2,
// where the limit of swap alone is written, memory+swap counts from the memory limit that there is.
void CompleteMemory(const LiveGroups& groups, spec::MemoryLimits& memory) {
  if (memory.limit == -1 && memory.swap.value_or(0) == 0) memory.swap = -1;
  if (memory.swap.value_or(0) > 0 && memory.limit.value_or(0) == 0) {
    const auto now = groups.Number("memory.max");
    if (now && *now <= std::numeric_limits<int64_t>::max()) {
      memory.limit = static_cast<int64_t>(*now);
    }
  }
}

// "<directory>/<file>" in the first directory that has this file; "" when none has.
std::string FirstWith(const std::vector<std::string>& directories, absl::string_view file) {
  for (const std::string& directory : directories) {
    std::string path = absl::StrCat(directory, "/", file);
    if (::access(path.c_str(), F_OK) == 0) return path;
  }
  return "";
}

// The state letter of proc(5), 0 when the task is gone.
char TaskState(absl::string_view tid) {
  const auto stat = ReadFile(absl::StrCat("/proc/", tid, "/stat"), kMaxControlFile);
  const size_t name_end = stat.ok() ? stat->rfind(") ") : std::string::npos;
  return name_end == std::string::npos ? 0 : (*stat)[name_end + 2];
}

}  // namespace

LiveGroups::LiveGroups(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (IsParentOfAny(path, paths) || ::access(path.c_str(), F_OK) < 0) continue;
    (IsSupervisor(path) ? supervisors_ : directories_).push_back(path);
  }
}

std::string LiveGroups::Path(absl::string_view file) const { return FirstWith(directories_, file); }

std::string LiveGroups::SupervisorPath(absl::string_view file) const {
  return FirstWith(supervisors_, file);
}

std::optional<std::string> LiveGroups::Text(absl::string_view file) const {
  const std::string path = Path(file);
  if (path.empty()) return std::nullopt;
  auto text = ReadFile(path, kMaxControlFile);
  if (!text.ok()) return std::nullopt;
  return *std::move(text);
}

std::optional<uint64_t> LiveGroups::Number(absl::string_view file) const {
  const auto text = Text(file);
  if (!text) return std::nullopt;
  const absl::string_view word = absl::StripAsciiWhitespace(*text);
  if (word == "max") return std::numeric_limits<uint64_t>::max();
  uint64_t number;
  return absl::SimpleAtoi(word, &number) ? std::optional(number) : std::nullopt;
}

std::map<std::string, uint64_t> LiveGroups::Numbers(absl::string_view file) const {
  std::map<std::string, uint64_t> numbers;
  const auto text = Text(file);
  if (!text) return numbers;
  for (absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, ' ');
    uint64_t number;
    if (absl::SimpleAtoi(parts.second, &number)) numbers[std::string(parts.first)] = number;
  }
  return numbers;
}

bool LiveGroups::IsFrozen() const {
  if (const auto state = Text(kV1State)) return absl::StripAsciiWhitespace(*state) != "THAWED";
  return Number(kV2State) == 1;
}

bool LiveGroups::NothingRuns() const {
  const bool v1 = !Path(kV1State).empty();
  if (v1 && absl::StripAsciiWhitespace(*Text(kV1State)) == "FROZEN") return true;
  if (!v1 && Numbers("cgroup.events")["frozen"] == 1) return true;
  const std::string list =
      v1 ? absl::StrCat(absl::StripSuffix(Path(kV1State), kV1State), "tasks")
         : absl::StrCat(absl::StripSuffix(Path(kV2State), kV2State), "cgroup.threads");
  const auto tids = ReadFile(list, kMaxControlFile);
  if (!tids.ok()) return false;
  // v1 shows what it has frozen as D, v2 as S.
  const absl::string_view still = v1 ? "DZX" : "SDZX";
  for (absl::string_view tid : absl::StrSplit(*tids, '\n', absl::SkipEmpty())) {
    const char state = TaskState(tid);
    if (state != 0 && still.find(state) == absl::string_view::npos) return false;
  }
  return true;
}

absl::Status LiveGroups::Freeze() const {
  const std::string v1 = Path(kV1State), v2 = Path(kV2State);
  if (v1.empty() && v2.empty()) {
    return absl::FailedPreconditionError(
        "cannot pause: the container has no control group with a freezer");
  }
  const absl::Time give_up = absl::Now() + kFreezeTimeout;
  absl::Duration pause = absl::Milliseconds(1);
  bool still = false;
  do {
    // v1 tries again on every write to catch those that were forked meanwhile.
    RETURN_IF_ERROR(v1.empty() ? WriteFile(v2, "1") : WriteFile(v1, "FROZEN"));
    if (std::exchange(still, NothingRuns()) && still) return absl::OkStatus();
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(50));
  } while (absl::Now() < give_up);
  RETURN_IF_ERROR(Thaw());
  return absl::DeadlineExceededError(
      absl::StrCat("cannot pause: some processes did not stop within ",
                   absl::FormatDuration(kFreezeTimeout), "; the container runs on"));
}

absl::Status LiveGroups::Thaw() const {
  if (const std::string v1 = Path(kV1State); !v1.empty()) return WriteFile(v1, "THAWED");
  if (const std::string v2 = Path(kV2State); !v2.empty()) return WriteFile(v2, "0");
  return absl::OkStatus();
}

absl::Status LiveGroups::Update(spec::Resources resources) const {
  if (resources.memory) CompleteMemory(*this, *resources.memory);
  ASSIGN_OR_RETURN(const Layout layout, DetectLayout());
  ASSIGN_OR_RETURN(std::vector<ControlWrite> planned, PlanWrites(resources, layout));
  for (ControlWrite& write : PlanPidsWrites(resources)) planned.push_back(std::move(write));
  std::vector<std::pair<std::string, ControlWrite>> writes;
  for (ControlWrite& write : planned) {
    std::string path = Path(write.file);
    if (path.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(write.field, ": the container has no control group with ", write.file));
    }
    if (std::string also = SupervisorPath(write.file); BindsSupervisors(write) && !also.empty()) {
      writes.emplace_back(std::move(also), write);
    }
    writes.emplace_back(std::move(path), std::move(write));
  }
  std::vector<Undo> undo;
  const absl::Status status = WriteAll(writes, undo);
  if (status.ok()) return status;
  for (auto old = undo.rbegin(); old != undo.rend(); ++old) {
    const absl::Status restored = WriteFile(old->path, old->value);
    if (!restored.ok()) LogWarning(absl::StrCat("cannot undo: ", restored.message()));
  }
  return status;
}

// v1: memory.oom_control, v2: memory.events, both with a line "oom_kill <number>".
uint64_t LiveGroups::OutOfMemoryKills() const {
  for (const char* file : {"memory.oom_control", "memory.events"}) {
    const auto numbers = Numbers(file);
    const auto kills = numbers.find("oom_kill");
    if (kills != numbers.end()) return kills->second;
  }
  return 0;
}

}  // namespace moat::cgroups
