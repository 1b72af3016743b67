// /sys: processors, interfaces of the asker's network namespace, and the container's cgroup as a
// cgroup v2 root of its own.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sentry/proc/container_facts.h"
#include "sentry/proc/filters.h"
#include "sentry/proc/generators.h"

namespace moat::sentry {
namespace {

Result<std::string> Line(absl::string_view text) { return absl::StrCat(text, "\n"); }

// "cpu3": 3.
std::optional<int> CpuNumber(absl::string_view name) {
  int number = 0;
  if (!absl::ConsumePrefix(&name, "cpu") || !IsNumber(name) || !absl::SimpleAtoi(name, &number)) {
    return std::nullopt;
  }
  return number;
}

Result<std::string> ReadNet(const NodeContext& context, absl::string_view name) {
  return context.facts.processes().Read(absl::StrCat(context.viewer.vtgid, "/net/", name));
}

// Names and their columns of /proc/net/dev.
Result<std::vector<std::pair<std::string, std::string>>> Interfaces(const NodeContext& context) {
  TRY_ASSIGN(const std::string text, ReadNet(context, "dev"));
  std::vector<std::pair<std::string, std::string>> interfaces;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;  // the two lines of headings have none
    interfaces.emplace_back(absl::StripAsciiWhitespace(line.substr(0, colon)),
                            line.substr(colon + 1));
  }
  return interfaces;
}

}  // namespace

Result<std::string> CpusAllowed(const NodeContext& context) {
  return Line(CpuList(context.facts.cpu_limits().Allowed()));
}

Result<std::string> CpusPossible(const NodeContext& context) {
  std::vector<int> cpus(static_cast<size_t>(context.facts.cpu_limits().Allowed().back()) + 1);
  std::iota(cpus.begin(), cpus.end(), 0);
  return Line(CpuList(cpus));
}

Result<std::string> CpusVisible(const NodeContext& context) {
  return Line(CpuList(context.facts.cpu_limits().Visible()));
}

Result<std::string> CpusVisibleMask(const NodeContext& context) {
  return Line(CpuMask(context.facts.cpu_limits().Visible()));
}

Result<std::string> CpuOnly(const NodeContext& context) {
  const std::optional<int> cpu = CpuNumber(context.place.name);
  if (!cpu) return Errno(ENOENT);
  return Line(absl::StrCat(*cpu));
}

Result<std::string> CpuOnlyMask(const NodeContext& context) {
  const std::optional<int> cpu = CpuNumber(context.place.name);
  if (!cpu) return Errno(ENOENT);
  return Line(CpuMask({*cpu}));
}

Result<std::string> CpuinfoField(const NodeContext& context) {
  const std::optional<int> cpu = CpuNumber(context.place.name);
  if (!cpu) return Errno(ENOENT);
  TRY_ASSIGN(const std::string text, context.facts.processes().Read("cpuinfo"));
  for (absl::string_view line : absl::StrSplit(FilterCpuinfo(text, {*cpu}), '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(field.first) == context.text) {
      return Line(absl::StripAsciiWhitespace(field.second));
    }
  }
  return Line("0");
}

Result<std::string> NodeMeminfo(const NodeContext& context) {
  const MemoryUsage usage = context.facts.Memory();
  return absl::StrCat("Node 0 MemTotal:       ", usage.total / 1024,
                      " kB\nNode 0 MemFree:        ", (usage.total - usage.used) / 1024,
                      " kB\nNode 0 MemUsed:        ", usage.used / 1024, " kB\n");
}

Result<std::string> InterfaceIndex(const NodeContext& context) {
  // IPv6 keeps a file for each interface; its first line is "ifIndex <n>".
  TRY_ASSIGN(const std::string text, ReadNet(context, "dev_snmp6/" + context.place.name));
  absl::string_view line = absl::string_view(text).substr(0, text.find('\n'));
  if (!absl::ConsumePrefix(&line, "ifIndex")) return Errno(ENOENT);
  return Line(absl::StripAsciiWhitespace(line));
}

Result<std::string> InterfaceType(const NodeContext& context) {
  return Line(context.place.name == "lo" ? "772" : "1");  // ARPHRD_LOOPBACK, ARPHRD_ETHER
}

Result<std::string> OnlyOfLoopback(const NodeContext& context) {
  if (context.place.name != "lo") return Errno(ENOENT);
  return Line(context.text);
}

Result<std::string> InterfaceCounter(const NodeContext& context) {
  TRY_ASSIGN(const auto interfaces, Interfaces(context));
  size_t column = 0;
  if (!absl::SimpleAtoi(context.text, &column)) return Errno(EIO);
  for (const auto& [name, text] : interfaces) {
    if (name != context.place.name) continue;
    const std::vector<absl::string_view> columns =
        absl::StrSplit(text, ' ', absl::SkipWhitespace());
    return Line(column < columns.size() ? columns[column] : "0");
  }
  return Errno(ENOENT);
}

Result<std::string> CgroupCpuMax(const NodeContext& context) {
  const CpuQuota limit = context.facts.cpu_limits().Quota();
  if (limit.quota == 0) return Line(absl::StrCat("max ", limit.period));
  return Line(absl::StrCat(limit.quota, " ", limit.period));
}

Result<std::string> CgroupCpuStat(const NodeContext& context) {
  const CpuUsage usage = context.facts.Cpu();
  const CpuThrottling throttling = context.facts.Throttling();
  return absl::StrCat("usage_usec ", usage.user + usage.system, "\nuser_usec ", usage.user,
                      "\nsystem_usec ", usage.system, "\nnr_periods ", throttling.periods,
                      "\nnr_throttled ", throttling.throttled, "\nthrottled_usec ", throttling.time,
                      "\n");
}

Result<std::string> CgroupMemoryCurrent(const NodeContext& context) {
  return Line(absl::StrCat(context.facts.Memory().used));
}

Result<std::string> CgroupMemoryMax(const NodeContext& context) {
  const uint64_t limit = context.facts.MemoryLimit();
  return Line(limit == 0 ? "max" : absl::StrCat(limit));
}

Result<std::string> CgroupMemoryStat(const NodeContext& context) {
  const MemoryUsage usage = context.facts.Memory();
  return absl::StrCat("anon ", usage.anonymous, "\nfile ", usage.file, "\nkernel 0\nshmem ",
                      usage.shared, "\nfile_mapped ", usage.mapped,
                      "\ninactive_anon 0\nactive_anon ", usage.anonymous, "\ninactive_file ",
                      usage.inactive_file, "\nactive_file ", usage.active_file,
                      "\nunevictable 0\nslab ", usage.slab, "\npgfault ", usage.page_faults,
                      "\npgmajfault ", usage.major_faults, "\n");
}

Result<std::string> CgroupPidsCurrent(const NodeContext& context) {
  return Line(absl::StrCat(context.facts.CountTasks().threads));
}

Result<std::string> CgroupPidsMax(const NodeContext& context) {
  const int64_t limit = context.facts.PidsLimit();
  return Line(limit <= 0 ? "max" : absl::StrCat(limit));
}

Result<std::string> CgroupProcesses(const NodeContext& context) {
  TRY_ASSIGN(const std::vector<std::string> pids, context.facts.processes().Pids());
  std::string text;
  for (const std::string& pid : pids) absl::StrAppend(&text, pid, "\n");
  return text;
}

Result<std::string> CgroupThreads(const NodeContext& context) {
  TRY_ASSIGN(const std::vector<std::string> pids, context.facts.processes().Pids());
  std::string text;
  for (const std::string& pid : pids) {
    auto tids = context.facts.processes().Tids(std::atoi(pid.c_str()));
    if (!tids.ok()) continue;
    for (const std::string& tid : *tids) absl::StrAppend(&text, tid, "\n");
  }
  return text;
}

Result<std::vector<std::string>> DynamicNames(absl::string_view component,
                                              const NodeContext& context) {
  const ProcessSource& processes = context.facts.processes();
  if (component == "<pid>") return processes.Pids();
  if (component == "<tid>") return processes.Tids(context.place.pid);
  if (component == "<fd>") return processes.Descriptors(context.place);
  std::vector<std::string> names;
  if (component == "<cpu>") {
    for (int cpu : context.facts.cpu_limits().Allowed()) names.push_back(absl::StrCat("cpu", cpu));
  } else if (component == "<if>") {
    TRY_ASSIGN(const auto interfaces, Interfaces(context));
    for (const auto& [name, columns] : interfaces) names.push_back(name);
  }
  return names;
}

bool DynamicNameExists(absl::string_view component, const NodeContext& context,
                       absl::string_view name) {
  const ProcessSource& processes = context.facts.processes();
  if (component == "<pid>" || component == "<tid>" || component == "<fd>") {
    if (!IsNumber(name)) return false;
    if (component == "<pid>") return processes.Exists(std::string(name));
    const std::string directory = component == "<tid>" ? absl::StrCat(context.place.pid, "/task")
                                                       : TaskDirectory(context.place) + "/fdinfo";
    if (processes.Exists(absl::StrCat(directory, "/", name))) return true;
    if (component == "<tid>") return false;
  }
  auto names = DynamicNames(component, context);
  return names.ok() && std::find(names->begin(), names->end(), name) != names->end();
}

}  // namespace moat::sentry
