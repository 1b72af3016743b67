#include "runtime/cli/stats_json.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

// Control files: the kernel's cgroup-v1/{memory,cpuacct,blkio-controller}.rst and cgroup-v2.rst.
namespace moat::cli {
namespace {

using Json = nlohmann::ordered_json;
using cgroups::LiveGroups;
using Numbers = std::map<std::string, uint64_t>;

constexpr uint64_t kNanosecondsPerMicrosecond = 1000;
constexpr uint64_t kNanosecondsPerTick = 10 * 1000 * 1000;  // USER_HZ is 100 for all programs

uint64_t ValueOf(const Numbers& numbers, const std::string& key) {
  const auto found = numbers.find(key);
  return found == numbers.end() ? 0 : found->second;
}

// A file with one number per processor on one line.
std::vector<uint64_t> PerCpu(const LiveGroups& groups, const char* file) {
  std::vector<uint64_t> values;
  const auto text = groups.Text(file);
  if (!text) return values;
  for (absl::string_view word : absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    uint64_t value;
    if (absl::SimpleAtoi(word, &value)) values.push_back(value);
  }
  return values;
}

Json CpuUsage(const LiveGroups& groups) {
  if (const auto total = groups.Number("cpuacct.usage")) {
    const Numbers ticks = groups.Numbers("cpuacct.stat");
    return {{"total", *total},
            {"percpu", PerCpu(groups, "cpuacct.usage_percpu")},
            {"percpu_kernel", PerCpu(groups, "cpuacct.usage_percpu_sys")},
            {"percpu_user", PerCpu(groups, "cpuacct.usage_percpu_user")},
            {"kernel", ValueOf(ticks, "system") * kNanosecondsPerTick},
            {"user", ValueOf(ticks, "user") * kNanosecondsPerTick}};
  }
  const Numbers stat = groups.Numbers("cpu.stat");
  return {{"total", ValueOf(stat, "usage_usec") * kNanosecondsPerMicrosecond},
          {"kernel", ValueOf(stat, "system_usec") * kNanosecondsPerMicrosecond},
          {"user", ValueOf(stat, "user_usec") * kNanosecondsPerMicrosecond}};
}

Json Throttling(const LiveGroups& groups) {
  const Numbers stat = groups.Numbers("cpu.stat");
  const uint64_t nanoseconds = stat.count("throttled_time") != 0
                                   ? ValueOf(stat, "throttled_time")
                                   : ValueOf(stat, "throttled_usec") * kNanosecondsPerMicrosecond;
  return {{"periods", ValueOf(stat, "nr_periods")},
          {"throttledPeriods", ValueOf(stat, "nr_throttled")},
          {"throttledTime", nanoseconds}};
}

// Of v1: "memory", "memory.memsw", "memory.kmem" or "memory.kmem.tcp".
Json MemoryV1(const LiveGroups& groups, const std::string& prefix) {
  const auto number = [&](const char* name) { return groups.Number(prefix + name).value_or(0); };
  return {{"limit", number(".limit_in_bytes")},
          {"usage", number(".usage_in_bytes")},
          {"max", number(".max_usage_in_bytes")},
          {"failcnt", number(".failcnt")}};
}

// Of v2: "memory" or "memory.swap".
Json MemoryV2(const LiveGroups& groups, const std::string& prefix) {
  const auto number = [&](const char* name) { return groups.Number(prefix + name).value_or(0); };
  return {{"limit", number(".max")},
          {"usage", number(".current")},
          {"max", number(".peak")},
          {"failcnt", ValueOf(groups.Numbers(prefix + ".events"), "max")}};
}

Json Memory(const LiveGroups& groups) {
  const Numbers stat = groups.Numbers("memory.stat");
  if (groups.Path("memory.usage_in_bytes").empty()) {
    return {{"cache", ValueOf(stat, "file")},
            {"usage", MemoryV2(groups, "memory")},
            {"swap", MemoryV2(groups, "memory.swap")},
            {"kernel", Json::object()},
            {"kernelTCP", Json::object()},
            {"raw", stat}};
  }
  return {{"cache", ValueOf(stat, "cache")},
          {"usage", MemoryV1(groups, "memory")},
          {"swap", MemoryV1(groups, "memory.memsw")},
          {"kernel", MemoryV1(groups, "memory.kmem")},
          {"kernelTCP", MemoryV1(groups, "memory.kmem.tcp")},
          {"raw", stat}};
}

bool ReadDevice(absl::string_view word, uint64_t& major, uint64_t& minor) {
  const std::vector<absl::string_view> parts = absl::StrSplit(word, ':');
  return parts.size() == 2 && absl::SimpleAtoi(parts[0], &major) &&
         absl::SimpleAtoi(parts[1], &minor);
}

// v1: lines of "8:0 Read 4096".
Json BlockDevicesV1(const LiveGroups& groups, const char* file) {
  Json entries = Json::array();
  const std::string text = groups.Text(file).value_or("");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t major, minor, value;
    if (words.size() != 3 || !ReadDevice(words[0], major, minor)) continue;
    if (!absl::SimpleAtoi(words[2], &value)) continue;
    entries.push_back(
        {{"major", major}, {"minor", minor}, {"op", std::string(words[1])}, {"value", value}});
  }
  return entries;
}

// v2: lines of "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..."; `keys` gives read and write their names.
Json BlockDevicesV2(const LiveGroups& groups, const std::map<std::string, std::string>& keys) {
  Json entries = Json::array();
  const std::string text = groups.Text("io.stat").value_or("");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t major, minor;
    if (words.empty() || !ReadDevice(words[0], major, minor)) continue;
    for (absl::string_view word : words) {
      const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(word, '=');
      const auto key = keys.find(std::string(field.first));
      uint64_t value;
      if (key == keys.end() || !absl::SimpleAtoi(field.second, &value)) continue;
      entries.push_back(
          {{"major", major}, {"minor", minor}, {"op", key->second}, {"value", value}});
    }
  }
  return entries;
}

Json BlockIo(const LiveGroups& groups) {
  if (!groups.Path("io.stat").empty()) {
    return {{"ioServiceBytesRecursive",
             BlockDevicesV2(groups, {{"rbytes", "Read"}, {"wbytes", "Write"}})},
            {"ioServicedRecursive", BlockDevicesV2(groups, {{"rios", "Read"}, {"wios", "Write"}})}};
  }
  return {{"ioServiceBytesRecursive",
           BlockDevicesV1(groups, "blkio.throttle.io_service_bytes_recursive")},
          {"ioServicedRecursive", BlockDevicesV1(groups, "blkio.throttle.io_serviced_recursive")}};
}

}  // namespace

Json StatsJson(const LiveGroups& groups) {
  Json pids = {{"current", groups.Number("pids.current").value_or(0)}};
  const uint64_t pids_limit = groups.Number("pids.max").value_or(0);
  if (pids_limit != std::numeric_limits<uint64_t>::max()) pids["limit"] = pids_limit;
  return {{"cpu", {{"usage", CpuUsage(groups)}, {"throttling", Throttling(groups)}}},
          {"memory", Memory(groups)},
          {"pids", pids},
          {"blkio", BlockIo(groups)},
          {"hugetlb", Json::object()},
          {"intel_rdt", Json::object()},
          {"network_interfaces", nullptr}};
}

}  // namespace moat::cli
