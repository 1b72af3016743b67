// System-wide contents: what the container may use and uses, never what the machine has.
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sentry/proc/container_facts.h"
#include "sentry/proc/filters.h"
#include "sentry/proc/generators.h"

namespace moat::sentry {
namespace {

constexpr uint64_t kPageSize = 4096;
constexpr absl::string_view kSysctlPrefix = "/proc/sys/";

uint64_t TicksOf(uint64_t microseconds) { return microseconds / 10'000; }  // USER_HZ is 100

// "cpu0 user nice system idle iowait irq softirq steal guest guest_nice".
std::string CpuLine(absl::string_view name, uint64_t user, uint64_t system, uint64_t idle) {
  return absl::StrCat(name, " ", user, " 0 ", system, " ", idle, " 0 0 0 0 0 0\n");
}

uint64_t IdleTicks(const NodeContext& context, const CpuUsage& usage) {
  const uint64_t all = static_cast<uint64_t>(context.facts.Uptime() * 100) *
                       context.facts.cpu_limits().Visible().size();
  const uint64_t busy = TicksOf(usage.user) + TicksOf(usage.system);
  return all > busy ? all - busy : 0;
}

}  // namespace

Result<std::string> ConstantLine(const NodeContext& context) {
  return absl::StrCat(context.text, "\n");
}

Result<std::string> ConstantText(const NodeContext& context) { return std::string(context.text); }

Result<std::string> SystemCpuinfo(const NodeContext& context) {
  TRY_ASSIGN(const std::string text, context.facts.processes().Read("cpuinfo"));
  return FilterCpuinfo(text, context.facts.cpu_limits().Visible());
}

Result<std::string> SystemLoadavg(const NodeContext& context) {
  const TaskCounts counts = context.facts.CountTasks();
  const std::array<double, 3> load = context.facts.LoadAverages(counts);
  return absl::StrFormat("%.2f %.2f %.2f %d/%d %d\n", load[0], load[1], load[2],
                         std::max(counts.running, 1), counts.threads, counts.last_pid);
}

struct sysinfo SystemInfoOf(const ContainerFacts& facts) {
  const MemoryUsage usage = facts.Memory();
  const TaskCounts counts = facts.CountTasks();
  const std::array<double, 3> load = facts.LoadAverages(counts);
  struct sysinfo info {};
  info.uptime = static_cast<long>(std::ceil(facts.Uptime()));
  for (size_t i = 0; i < load.size(); ++i) {
    info.loads[i] = static_cast<unsigned long>(load[i] * (1 << SI_LOAD_SHIFT));
  }
  info.totalram = usage.total;
  info.freeram = usage.total - usage.used;
  info.sharedram = usage.shared;
  info.procs = static_cast<unsigned short>(std::min(counts.threads, int{UINT16_MAX}));
  info.mem_unit = 1;
  return info;
}

Result<std::string> SystemMeminfo(const NodeContext& context) {
  const MemoryUsage usage = context.facts.Memory();
  const uint64_t free = usage.total - usage.used;
  const std::pair<absl::string_view, uint64_t> lines[] = {
      {"MemTotal", usage.total},
      {"MemFree", free},
      {"MemAvailable", free + usage.file - std::min(usage.shared, usage.file)},
      {"Buffers", 0},
      {"Cached", usage.file},
      {"SwapCached", 0},
      {"Active", usage.active_file + usage.anonymous},
      {"Inactive", usage.inactive_file},
      {"Active(anon)", usage.anonymous},
      {"Inactive(anon)", 0},
      {"Active(file)", usage.active_file},
      {"Inactive(file)", usage.inactive_file},
      {"Unevictable", 0},
      {"Mlocked", 0},
      {"SwapTotal", 0},
      {"SwapFree", 0},
      {"Dirty", 0},
      {"Writeback", 0},
      {"AnonPages", usage.anonymous},
      {"Mapped", usage.mapped},
      {"Shmem", usage.shared},
      {"KReclaimable", usage.slab},
      {"Slab", usage.slab},
      {"SReclaimable", usage.slab},
      {"SUnreclaim", 0},
      {"KernelStack", 0},
      {"PageTables", 0},
      {"CommitLimit", usage.total},
      {"Committed_AS", usage.used},
      {"VmallocTotal", uint64_t{34359738367} * 1024},
      {"VmallocUsed", 0},
      {"VmallocChunk", 0},
      {"AnonHugePages", 0},
  };
  std::string text;
  for (const auto& [name, bytes] : lines) {
    absl::StrAppendFormat(&text, "%-15s %8u kB\n", absl::StrCat(name, ":"), bytes / 1024);
  }
  absl::StrAppend(&text,
                  "HugePages_Total:       0\nHugePages_Free:        0\n"
                  "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
                  "Hugepagesize:       2048 kB\n");
  return text;
}

Result<std::string> SystemStat(const NodeContext& context) {
  const CpuUsage usage = context.facts.Cpu();
  const TaskCounts counts = context.facts.CountTasks();
  const std::vector<int> cpus = context.facts.cpu_limits().Visible();
  const uint64_t user = TicksOf(usage.user), system = TicksOf(usage.system);
  const uint64_t idle = IdleTicks(context, usage);
  std::string text = CpuLine("cpu ", user, system, idle);
  for (int cpu : cpus) {
    absl::StrAppend(&text, CpuLine(absl::StrCat("cpu", cpu), user / cpus.size(),
                                   system / cpus.size(), idle / cpus.size()));
  }
  absl::StrAppend(&text, "intr 0\nctxt 0\nbtime ", context.facts.start_time(), "\nprocesses ",
                  counts.last_pid, "\nprocs_running ", std::max(counts.running, 1),
                  "\nprocs_blocked ", counts.blocked, "\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
  return text;
}

Result<std::string> SystemUptime(const NodeContext& context) {
  const uint64_t idle = IdleTicks(context, context.facts.Cpu());
  return absl::StrFormat("%.2f %u.%02u\n", context.facts.Uptime(), idle / 100, idle % 100);
}

Result<std::string> SystemVersion(const NodeContext& context) {
  static_cast<void>(context);
  utsname names{};
  uname(&names);
  return absl::StrCat("Linux version ", names.release, " (moat) ", names.version, "\n");
}

Result<std::string> SystemVmstat(const NodeContext& context) {
  const MemoryUsage usage = context.facts.Memory();
  const std::pair<absl::string_view, uint64_t> lines[] = {
      {"nr_free_pages", (usage.total - usage.used) / kPageSize},
      {"nr_inactive_anon", 0},
      {"nr_active_anon", usage.anonymous / kPageSize},
      {"nr_inactive_file", usage.inactive_file / kPageSize},
      {"nr_active_file", usage.active_file / kPageSize},
      {"nr_anon_pages", usage.anonymous / kPageSize},
      {"nr_mapped", usage.mapped / kPageSize},
      {"nr_file_pages", usage.file / kPageSize},
      {"nr_dirty", 0},
      {"nr_writeback", 0},
      {"nr_shmem", usage.shared / kPageSize},
      {"pgpgin", 0},
      {"pgpgout", 0},
      {"pswpin", 0},
      {"pswpout", 0},
      {"pgfault", usage.page_faults},
      {"pgmajfault", usage.major_faults},
      {"oom_kill", 0},
  };
  std::string text;
  for (const auto& [name, value] : lines) absl::StrAppend(&text, name, " ", value, "\n");
  return text;
}

Result<std::string> SysctlValue(const NodeContext& context) {
  const std::string name(absl::StripPrefix(context.path, kSysctlPrefix));
  const auto& configured = context.facts.config().sysctls;
  const ProcessSource& kernel = context.facts.processes();
  const std::string path(absl::StripPrefix(context.path, "/proc/"));
  if (const auto found = configured.find(name); found != configured.end()) {
    // What could be set in the own network too, the kernel writes in its own way.
    if (absl::StartsWith(name, "net/") && kernel.Exists(path)) return kernel.Read(path);
    return absl::StrCat(found->second, "\n");
  }
  if (!context.text.empty()) return ConstantLine(context);
  return kernel.Read(path);
}

Result<std::string> InterfaceSysctl(const NodeContext& context) {
  auto value = SysctlValue(context);
  const std::string& interface = context.place.name;
  if (value.ok() || interface.empty() || !(value.error() == Errno(ENOENT))) return value;
  std::vector<absl::string_view> parts = absl::StrSplit(context.path, '/');
  // The interface's own, which the sentry cannot know.
  if (parts.back() == "mtu") return Errno(ENOENT);
  parts[parts.size() - 2] = "default";
  const std::string path = absl::StrJoin(parts, "/");
  return SysctlValue({.facts = context.facts,
                      .viewer = context.viewer,
                      .place = context.place,
                      .path = path,
                      .text = context.text});
}

Result<std::string> SysctlBootId(const NodeContext& context) {
  return absl::StrCat(context.facts.boot_id(), "\n");
}

Result<std::string> SysctlHostname(const NodeContext& context) {
  return absl::StrCat(context.facts.config().hostname, "\n");
}

Result<std::string> SysctlUname(const NodeContext& context) {
  utsname names{};
  uname(&names);
  return absl::StrCat(context.text == "release" ? names.release : names.version, "\n");
}

Result<std::string> SysctlUuid(const NodeContext& context) {
  static_cast<void>(context);
  return absl::StrCat(RandomUuid(), "\n");
}

}  // namespace moat::sentry
