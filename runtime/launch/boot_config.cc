#include "runtime/launch/boot_config.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/namespaces/sysctl.h"
#include "runtime/rootfs/virtual_mounts.h"

namespace moat::launch {
namespace {

constexpr int kMaxCpu = 8191;  // CONFIG_NR_CPUS at its highest

double CpusOf(const spec::CpuLimits& cpu) {
  constexpr double kDefaultPeriod = 100000;  // microseconds, of the kernel
  if (cpu.quota.value_or(0) <= 0) return 0;
  const double period =
      cpu.period.value_or(0) > 0 ? static_cast<double>(*cpu.period) : kDefaultPeriod;
  return static_cast<double>(*cpu.quota) / period;
}

void AddLimits(const spec::Resources& resources, nlohmann::json& tree) {
  if (resources.cpu) {
    tree["cpus"] = CpusOf(*resources.cpu);
    tree["cpu_set"] = ParseCpuList(resources.cpu->cpus);
  }
  if (resources.memory && resources.memory->limit.value_or(0) > 0) {
    tree["memory_limit"] = static_cast<uint64_t>(*resources.memory->limit);
  }
  if (resources.pids && resources.pids->limit > 0) tree["pids_limit"] = resources.pids->limit;
}

}  // namespace

std::vector<int> ParseCpuList(absl::string_view list) {
  std::vector<int> cpus;
  for (absl::string_view part : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first, last;
    if (!absl::SimpleAtoi(ends.first, &first)) continue;
    if (ends.second.empty()) {
      last = first;
    } else if (!absl::SimpleAtoi(ends.second, &last)) {
      continue;
    }
    if (first < 0 || last > kMaxCpu) continue;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

nlohmann::json TreeValues(const spec::Spec& spec, const std::string& hostname,
                          const std::vector<std::string>& mount_table,
                          const std::map<std::string, std::string>& sysctls) {
  const spec::Linux& config = spec.linux_config;
  auto by_path = nlohmann::json::object();
  for (const auto& [name, value] : sysctls) {
    // A name that is none was refused when the config was read.
    if (const auto file = namespaces::SysctlFile(name); file.ok()) {
      by_path[std::string(absl::StripPrefix(*file, "sys/"))] = value;
    }
  }
  nlohmann::json tree = {{"hostname", hostname},
                         {"cpus", 0.0},
                         {"memory_limit", uint64_t{0}},
                         {"pids_limit", int64_t{0}},
                         {"cpu_set", nlohmann::json::array()},
                         {"mounts", mount_table},
                         {"masked_paths", rootfs::SplitVirtual(config.masked_paths).for_sentry},
                         {"readonly_paths", rootfs::SplitVirtual(config.readonly_paths).for_sentry},
                         {"sysctls", std::move(by_path)}};
  if (config.resources) AddLimits(*config.resources, tree);
  return tree;
}

}  // namespace moat::launch
