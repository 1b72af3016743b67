#include "runtime/launch/boot_config.h"

#include <utility>

#include "absl/strings/strip.h"
#include "base/cpu_list.h"
#include "runtime/namespaces/sysctl.h"
#include "runtime/rootfs/virtual_mounts.h"

namespace moat::launch {
namespace {

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
