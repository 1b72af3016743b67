#include "sentry/proc/container_facts.h"

#include <sys/random.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"

namespace moat::sentry {
namespace {

constexpr size_t kCgroupFileLimit = 64 * 1024;
constexpr uint64_t kMicrosecondsPerTick = 10'000;  // USER_HZ is 100 on x86-64

double Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The number after `key` in a file of "key number" lines (memory.stat, cpu.stat); 0 when missing.
uint64_t Find(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    uint64_t value = 0;
    if (words.first == key && absl::SimpleAtoi(words.second, &value)) return value;
  }
  return 0;
}

// A file of one number of the first of these names that exists.
bool ReadNumber(int directory, std::initializer_list<const char*> names, uint64_t& value) {
  for (const char* name : names) {
    auto text = ReadFileAt(directory, name, kCgroupFileLimit);
    if (text.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &value)) return true;
  }
  return false;
}

std::string ReadOrEmpty(int directory, const char* name) {
  auto text = ReadFileAt(directory, name, kCgroupFileLimit);
  return text.ok() ? std::move(text).value() : std::string();
}

// What memory.stat says, with the names of cgroup v2 and of v1's totals.
void AddMemoryStat(absl::string_view stat, MemoryUsage& usage) {
  const auto either = [stat](absl::string_view v2, absl::string_view v1) {
    const uint64_t value = Find(stat, v2);
    return value != 0 ? value : Find(stat, v1);
  };
  usage.file = either("file", "total_cache");
  usage.inactive_file = either("inactive_file", "total_inactive_file");
  usage.active_file = either("active_file", "total_active_file");
  usage.anonymous = either("anon", "total_rss");
  usage.shared = either("shmem", "total_shmem");
  usage.mapped = either("file_mapped", "total_mapped_file");
  usage.slab = Find(stat, "slab");
  usage.page_faults = either("pgfault", "total_pgfault");
  usage.major_faults = either("pgmajfault", "total_pgmajfault");
}

}  // namespace

std::string RandomUuid() {
  std::array<uint8_t, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "";
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 4122: version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    absl::StrAppendFormat(&text, "%02x", bytes[i]);
  }
  return text;
}

ContainerFacts::ContainerFacts(TreeConfig config)
    : config_(std::move(config)),
      processes_(config_.proc_a, config_.proc_b),
      cpu_limits_(config_),
      boot_id_(RandomUuid()) {
  if (auto stat = ReadFileAt(config_.proc_a, "self/stat", kCgroupFileLimit); stat.ok()) {
    start_ticks_ = StatField(*stat, 22);
  }
  start_time_ = static_cast<int64_t>(Now(CLOCK_REALTIME) - Uptime());
}

double ContainerFacts::Uptime() const {
  return std::max(0.0, Now(CLOCK_BOOTTIME) - static_cast<double>(start_ticks_) / 100);
}

uint64_t ContainerFacts::MemoryLimit() const {
  constexpr uint64_t kNoLimitOfV1 = uint64_t{1} << 62;  // it writes INT64_MAX, less part of a page
  if (config_.cgroup_memory < 0) return config_.memory_limit;
  uint64_t limit = 0;
  const bool number =
      ReadNumber(config_.cgroup_memory, {"memory.max", "memory.limit_in_bytes"}, limit);
  return number && limit < kNoLimitOfV1 ? limit : 0;  // v2 says "max"
}

int64_t ContainerFacts::PidsLimit() const {
  if (config_.cgroup_pids < 0) return config_.pids_limit;
  uint64_t limit = 0;
  return ReadNumber(config_.cgroup_pids, {"pids.max"}, limit) ? static_cast<int64_t>(limit) : 0;
}

MemoryUsage ContainerFacts::Memory() const {
  MemoryUsage usage;
  struct sysinfo host {};
  sysinfo(&host);
  usage.total = uint64_t{host.totalram} * host.mem_unit;
  if (const uint64_t limit = MemoryLimit(); limit != 0) usage.total = std::min(usage.total, limit);
  if (config_.cgroup_memory >= 0 &&
      ReadNumber(config_.cgroup_memory, {"memory.current", "memory.usage_in_bytes"}, usage.used)) {
    AddMemoryStat(ReadOrEmpty(config_.cgroup_memory, "memory.stat"), usage);
  } else if (auto pids = processes_.Pids(); pids.ok()) {
    for (const std::string& pid : *pids) {
      auto stat = processes_.Read(pid + "/stat");
      if (stat.ok()) usage.anonymous += StatField(*stat, 24) * uint64_t{4096};
    }
    usage.used = usage.anonymous;
  }
  usage.used = std::min(usage.used, usage.total);
  usage.file = std::min(usage.file, usage.used);
  return usage;
}

CpuUsage ContainerFacts::Cpu() const {
  CpuUsage usage;
  uint64_t user_ns = 0, system_ns = 0;
  const std::string stat =
      config_.cgroup_cpu >= 0 ? ReadOrEmpty(config_.cgroup_cpu, "cpu.stat") : std::string();
  if (const uint64_t total = Find(stat, "usage_usec"); total != 0) {
    usage = {Find(stat, "user_usec"), Find(stat, "system_usec")};
  } else if (config_.cgroup_cpu >= 0 &&
             ReadNumber(config_.cgroup_cpu, {"cpuacct.usage_user"}, user_ns) &&
             ReadNumber(config_.cgroup_cpu, {"cpuacct.usage_sys"}, system_ns)) {
    usage = {user_ns / 1000, system_ns / 1000};
  } else if (auto pids = processes_.Pids(); pids.ok()) {
    for (const std::string& pid : *pids) {
      auto text = processes_.Read(pid + "/stat");
      if (!text.ok()) continue;
      usage.user += (StatField(*text, 14) + StatField(*text, 16)) * kMicrosecondsPerTick;
      usage.system += (StatField(*text, 15) + StatField(*text, 17)) * kMicrosecondsPerTick;
    }
  }
  absl::MutexLock lock(&mutex_);
  greatest_cpu_.user = std::max(greatest_cpu_.user, usage.user);
  greatest_cpu_.system = std::max(greatest_cpu_.system, usage.system);
  return greatest_cpu_;
}

CpuThrottling ContainerFacts::Throttling() const {
  if (config_.cgroup_cpu_limit < 0) return {};
  const std::string stat = ReadOrEmpty(config_.cgroup_cpu_limit, "cpu.stat");
  const uint64_t nanoseconds = Find(stat, "throttled_time");  // cgroup v1
  return {Find(stat, "nr_periods"), Find(stat, "nr_throttled"),
          nanoseconds != 0 ? nanoseconds / 1000 : Find(stat, "throttled_usec")};
}

TaskCounts ContainerFacts::CountTasks() const {
  TaskCounts counts;
  auto pids = processes_.Pids();
  if (!pids.ok()) return counts;
  for (const std::string& pid : *pids) {
    auto stat = processes_.Read(pid + "/stat");
    if (!stat.ok()) continue;
    const size_t bracket = stat->rfind(')');
    const char state =
        bracket != std::string::npos && bracket + 2 < stat->size() ? (*stat)[bracket + 2] : '?';
    if (state == 'R') ++counts.running;
    if (state == 'D') ++counts.blocked;
    counts.threads += static_cast<int>(StatField(*stat, 20));
    int number = 0;
    if (absl::SimpleAtoi(pid, &number)) counts.last_pid = std::max(counts.last_pid, number);
  }
  return counts;
}

std::array<double, 3> ContainerFacts::LoadAverages(const TaskCounts& counts) const {
  constexpr std::array<double, 3> kSeconds = {60, 300, 900};
  const double active = counts.running + counts.blocked;
  const double now = Uptime();
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < kSeconds.size(); ++i) {
    const double weight = std::exp(-(now - load_.at) / kSeconds[i]);
    load_.averages[i] = load_.averages[i] * weight + active * (1 - weight);
  }
  load_.at = now;
  return load_.averages;
}

}  // namespace moat::sentry
