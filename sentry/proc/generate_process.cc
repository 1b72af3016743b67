// Per-process contents.
#include <elf.h>
#include <string.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sentry/proc/container_facts.h"
#include "sentry/proc/filters.h"
#include "sentry/proc/generators.h"

namespace moat::sentry {
namespace {

// Fields of /proc/PID/stat (proc(5)).
constexpr int kStartStack = 28;
constexpr int kArgStart = 48;
constexpr int kEnvStart = 50;
constexpr int kEnvEnd = 51;

constexpr absl::string_view kProcPrefix = "/proc/";

// procfs of P_B has the same paths as the tree.
std::string KernelPath(const NodeContext& context) {
  return std::string(context.path.substr(kProcPrefix.size()));
}

Result<std::string> ReadStat(const NodeContext& context) {
  return context.facts.processes().Read(TaskDirectory(context.place) + "/stat");
}

uint64_t WordAt(absl::string_view bytes, size_t index) {
  uint64_t word = 0;
  const size_t offset = index * sizeof(word);
  if (offset + sizeof(word) <= bytes.size()) memcpy(&word, bytes.data() + offset, sizeof(word));
  return word;
}

// Where the auxiliary vector starts and ends, in words, in the initial stack: argc, argv, NULL,
// envp, NULL, pairs up to AT_NULL (System V ABI, x86-64, figure 3.9). Empty when it is not there.
std::pair<size_t, size_t> FindAuxiliaryVector(absl::string_view stack) {
  const size_t words = stack.size() / sizeof(uint64_t);
  const uint64_t argc = WordAt(stack, 0);
  if (argc >= words) return {0, 0};
  size_t begin = argc + 2;
  while (begin < words && WordAt(stack, begin) != 0) ++begin;
  ++begin;
  for (size_t end = begin; end + 1 < words; end += 2) {
    if (WordAt(stack, end) == AT_NULL) return {begin, end + 2};
  }
  return {0, 0};
}

// Whether the state shown is that of the reader itself, which waits for our answer and would be
// running under Linux.
bool ShowsItsReader(const NodeContext& context) {
  const pid_t shown = context.place.tid != 0 ? context.place.tid : context.place.pid;
  return shown == context.viewer.vtid;
}

// Puts "R (running)" or "R" in place of the state that starts right behind `before`.
std::string WithRunningState(std::string text, size_t before, absl::string_view waiting,
                             absl::string_view running) {
  if (before == std::string::npos) return text;
  if (absl::StartsWith(absl::string_view(text).substr(before), waiting)) {
    text.replace(before, waiting.size(), std::string(running));
  }
  return text;
}

}  // namespace

Result<std::string> ProcessStatus(const NodeContext& context) {
  TRY_ASSIGN(std::string text, FromKernel(context));
  if (!ShowsItsReader(context)) return text;
  constexpr absl::string_view kKey = "\nState:\t";
  const size_t key = text.find(std::string(kKey));
  return WithRunningState(std::move(text), key == std::string::npos ? key : key + kKey.size(),
                          "S (sleeping)", "R (running)");
}

Result<std::string> FromKernel(const NodeContext& context) {
  return context.facts.processes().Read(KernelPath(context));
}

Result<std::string> ProcessStat(const NodeContext& context) {
  TRY_ASSIGN(const std::string stat, ReadStat(context));
  std::string text = FilterStat(stat, context.facts.start_ticks(), context.may_trace);
  if (!ShowsItsReader(context)) return text;
  const size_t bracket = text.rfind(')');
  return WithRunningState(std::move(text), bracket == std::string::npos ? bracket : bracket + 2,
                          "S", "R");
}

Result<std::string> ProcessMappings(const NodeContext& context) {
  TRY_ASSIGN(const std::string text, FromKernel(context));
  const TreeConfig& config = context.facts.config();
  return FilterMappings(text, config.stub_device, config.stub_inode);
}

Result<std::string> ProcessEnvironment(const NodeContext& context) {
  TRY_ASSIGN(const std::string stat, ReadStat(context));
  return context.facts.processes().ReadMemory(context.place.pid, StatField(stat, kEnvStart),
                                              StatField(stat, kEnvEnd));
}

// From memory and not from the kernel's copy: only there AT_BASE is the real interpreter's.
Result<std::string> ProcessAuxiliaryVector(const NodeContext& context) {
  TRY_ASSIGN(const std::string stat, ReadStat(context));
  TRY_ASSIGN(const std::string stack,
             context.facts.processes().ReadMemory(context.place.pid, StatField(stat, kStartStack),
                                                  StatField(stat, kArgStart)));
  const auto [begin, end] = FindAuxiliaryVector(stack);
  return stack.substr(begin * sizeof(uint64_t), (end - begin) * sizeof(uint64_t));
}

Result<std::string> ProcessWaitChannel(const NodeContext& context) {
  if (!context.may_trace) return std::string("0");
  return FromKernel(context);
}

std::vector<std::string> MountTable(const ContainerFacts& facts) {
  struct Own {
    absl::string_view point, device, line;
  };
  constexpr Own kOwn[] = {
      {"/proc", "0:3", "/ /proc rw,nosuid,nodev,noexec,relatime - proc proc rw"},
      {"/sys", "0:4", "/ /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro"},
      {"/sys/fs/cgroup", "0:5",
       "/ /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup ro,nsdelegate"},
  };
  std::vector<std::string> table;
  int greatest = 0, root = 0;
  for (const std::string& line : facts.config().mounts) {
    const std::string point = MountPoint(line);
    if (point.empty()) continue;
    // Whatever hierarchy the host has, the tree shows the unified one.
    if (point == "/sys/fs/cgroup" || absl::StartsWith(point, "/sys/fs/cgroup/")) continue;
    int number = 0;
    if (absl::SimpleAtoi(line.substr(0, line.find(' ')), &number)) {
      greatest = std::max(greatest, number);
      if (point == "/") root = number;
    }
    table.push_back(absl::StrCat(line, "\n"));
  }
  for (const Own& own : kOwn) {
    const bool present = std::any_of(table.begin(), table.end(), [&own](const std::string& line) {
      return MountPoint(line) == own.point;
    });
    if (present) continue;
    table.push_back(absl::StrCat(++greatest, " ", root, " ", own.device, " ", own.line, "\n"));
  }
  return table;
}

Result<std::string> ProcessMountinfo(const NodeContext& context) {
  std::string text;
  for (const std::string& line : MountTable(context.facts)) absl::StrAppend(&text, line);
  return text;
}

Result<std::string> ProcessMounts(const NodeContext& context) {
  std::string text;
  for (const std::string& line : MountTable(context.facts)) {
    absl::StrAppend(&text, MountsLine(absl::string_view(line).substr(0, line.size() - 1)));
  }
  return text;
}

Result<std::string> ProcessMountstats(const NodeContext& context) {
  std::string text;
  for (const std::string& line : MountTable(context.facts)) {
    absl::StrAppend(&text, MountstatsLine(absl::string_view(line).substr(0, line.size() - 1)));
  }
  return text;
}

Result<std::string> SelfLink(const NodeContext& context) {
  return absl::StrCat(context.viewer.vtgid);
}

Result<std::string> ThreadSelfLink(const NodeContext& context) {
  return absl::StrCat(context.viewer.vtgid, "/task/", context.viewer.vtid);
}

}  // namespace moat::sentry
