#include "runtime/cgroups/resource_writes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

absl::Status NotYet(absl::string_view field) {
  return absl::UnimplementedError(absl::StrCat(field, ": moat does not honour this field yet"));
}

// Collects writes; for each it knows in which form the controller is here.
class Planner {
 public:
  explicit Planner(const Layout& layout) : layout_(layout) {}

  // v1 or v2 file and value, by the hierarchy that the controller is attached to.
  void Add(const std::string& field, const std::string& controller, const std::string& v1_file,
           const std::string& v1_value, const std::string& v2_file, const std::string& v2_value) {
    const Hierarchy* hierarchy = layout_.Find(controller);
    if (!hierarchy) {
      Fail(absl::FailedPreconditionError(
          absl::StrCat(field, ": this host has no ", controller, " controller")));
    } else if ((hierarchy->v2 ? v2_file : v1_file).empty()) {
      Fail(absl::UnimplementedError(
          absl::StrCat(field, ": cgroup ", hierarchy->v2 ? "v2" : "v1", " has nothing like it")));
    } else if (hierarchy->v2) {
      writes_.push_back({controller, v2_file, v2_value, field});
    } else {
      writes_.push_back({controller, v1_file, v1_value, field});
    }
  }

  void Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  bool IsV2(const std::string& controller) const {
    const Hierarchy* hierarchy = layout_.Find(controller);
    return hierarchy && hierarchy->v2;
  }

  absl::StatusOr<std::vector<ControlWrite>> Finish() {
    if (!status_.ok()) return status_;
    return std::move(writes_);
  }

 private:
  const Layout& layout_;
  std::vector<ControlWrite> writes_;
  absl::Status status_;
};

std::string OrMax(int64_t value) { return value < 0 ? "max" : absl::StrCat(value); }

// The config counts memory and swap together, as v1 does; v2 counts swap alone.
void PlanSwap(const spec::MemoryLimits& memory, Planner& planner) {
  const std::string field = "linux.resources.memory.swap";
  const int64_t swap = *memory.swap;
  const int64_t limit = memory.limit.value_or(0);
  if (swap > 0 && planner.IsV2("memory") && (limit <= 0 || swap < limit)) {
    planner.Fail(absl::InvalidArgumentError(
        absl::StrCat(field, ": must be at least linux.resources.memory.limit, which must be set")));
    return;
  }
  planner.Add(field, "memory", "memory.memsw.limit_in_bytes", absl::StrCat(swap), "memory.swap.max",
              swap < 0 ? "max" : absl::StrCat(swap - limit));
}

void PlanMemory(const spec::MemoryLimits& memory, Planner& planner) {
  const std::string prefix = "linux.resources.memory.";
  if (memory.kernel.value_or(0) > 0) planner.Fail(NotYet(prefix + "kernel"));
  if (memory.kernel_tcp.value_or(0) > 0) planner.Fail(NotYet(prefix + "kernelTCP"));
  if (memory.disable_oom_killer.value_or(false)) planner.Fail(NotYet(prefix + "disableOOMKiller"));
  if (!memory.use_hierarchy.value_or(true)) planner.Fail(NotYet(prefix + "useHierarchy"));
  // 0 has always meant "not set" here, runc writes neither.
  if (memory.limit.value_or(0) != 0) {
    planner.Add(prefix + "limit", "memory", "memory.limit_in_bytes", absl::StrCat(*memory.limit),
                "memory.max", OrMax(*memory.limit));
  }
  if (memory.reservation.value_or(0) != 0) {
    planner.Add(prefix + "reservation", "memory", "memory.soft_limit_in_bytes",
                absl::StrCat(*memory.reservation), "memory.low", OrMax(*memory.reservation));
  }
  if (memory.swap.value_or(0) != 0) PlanSwap(memory, planner);
  if (memory.swappiness) {
    planner.Add(prefix + "swappiness", "memory", "memory.swappiness",
                absl::StrCat(*memory.swappiness), "", "");
  }
}

void PlanBandwidth(const spec::CpuLimits& cpu, Planner& planner) {
  const std::string prefix = "linux.resources.cpu.";
  constexpr uint64_t kDefaultPeriod = 100000;  // microseconds, of the kernel
  const uint64_t period = cpu.period.value_or(0);
  const int64_t quota = cpu.quota.value_or(0);
  if (planner.IsV2("cpu")) {
    if (period == 0 && quota == 0) return;
    planner.Add(prefix + "quota", "cpu", "", "", "cpu.max",
                absl::StrCat(quota > 0 ? absl::StrCat(quota) : "max", " ",
                             period > 0 ? period : kDefaultPeriod));
    return;
  }
  if (period != 0) {
    planner.Add(prefix + "period", "cpu", "cpu.cfs_period_us", absl::StrCat(period), "", "");
  }
  if (quota != 0) {
    planner.Add(prefix + "quota", "cpu", "cpu.cfs_quota_us", absl::StrCat(quota), "", "");
  }
}

void PlanCpu(const spec::CpuLimits& cpu, Planner& planner) {
  const std::string prefix = "linux.resources.cpu.";
  if (cpu.realtime_runtime.value_or(0) != 0) planner.Fail(NotYet(prefix + "realtimeRuntime"));
  if (cpu.realtime_period.value_or(0) != 0) planner.Fail(NotYet(prefix + "realtimePeriod"));
  if (cpu.shares.value_or(0) != 0) {
    planner.Add(prefix + "shares", "cpu", "cpu.shares", absl::StrCat(*cpu.shares), "cpu.weight",
                absl::StrCat(WeightOfShares(*cpu.shares)));
  }
  PlanBandwidth(cpu, planner);
  if (cpu.burst) {
    planner.Add(prefix + "burst", "cpu", "cpu.cfs_burst_us", absl::StrCat(*cpu.burst),
                "cpu.max.burst", absl::StrCat(*cpu.burst));
  }
  if (cpu.idle) {
    planner.Add(prefix + "idle", "cpu", "cpu.idle", absl::StrCat(*cpu.idle), "cpu.idle",
                absl::StrCat(*cpu.idle));
  }
  if (!cpu.cpus.empty()) {
    planner.Add(prefix + "cpus", "cpuset", "cpuset.cpus", cpu.cpus, "cpuset.cpus", cpu.cpus);
  }
  if (!cpu.mems.empty()) {
    planner.Add(prefix + "mems", "cpuset", "cpuset.mems", cpu.mems, "cpuset.mems", cpu.mems);
  }
}

void PlanUnified(const std::map<std::string, std::string>& unified, Planner& planner) {
  for (const auto& [file, value] : unified) {
    const std::string field = absl::StrCat("linux.resources.unified[", file, "]");
    const std::vector<std::string> parts = absl::StrSplit(file, absl::MaxSplits('.', 1));
    if (parts.size() != 2 || file.find('/') != std::string::npos) {
      planner.Fail(absl::InvalidArgumentError(absl::StrCat(field, ": not a control file")));
      continue;
    }
    planner.Add(field, parts[0], "", "", file, value);
  }
}

bool IsDenyAll(const spec::DeviceRule& rule) {
  const bool everything =
      rule.type == 'a' || (rule.major.value_or(-1) == -1 && rule.minor.value_or(-1) == -1);
  const bool every_access = rule.access.empty() || rule.access == "rwm";
  return !rule.allow && everything && every_access;
}

std::string NumberOrAll(const std::optional<int64_t>& number) {
  return number.value_or(-1) < 0 ? "*" : absl::StrCat(*number);
}

std::string RuleText(const spec::DeviceRule& rule) {
  if (rule.type == 'a') return "a";
  return absl::StrCat(std::string(1, rule.type), " ", NumberOrAll(rule.major), ":",
                      NumberOrAll(rule.minor), " ", rule.access.empty() ? "rwm" : rule.access);
}

// What every container may use (runtime-spec config-linux.md, "Default Devices"): null, zero, full,
// tty, ptmx, random, urandom, and its own terminals. Making any node is allowed: it can't be
// opened.
constexpr const char* kDefaultRules[] = {
    "c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",
    "c 5:0 rwm", "c 5:2 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 136:* rwm",
};

}  // namespace

absl::StatusOr<std::vector<ControlWrite>> PlanWrites(const spec::Resources& resources,
                                                     const Layout& layout) {
  Planner planner(layout);
  if (resources.memory) PlanMemory(*resources.memory, planner);
  if (resources.cpu) PlanCpu(*resources.cpu, planner);
  PlanUnified(resources.unified, planner);
  return planner.Finish();
}

std::vector<ControlWrite> PlanPidsWrites(const spec::Resources& resources) {
  if (!resources.pids) return {};
  return {{"pids", "pids.max", OrMax(resources.pids->limit), "linux.resources.pids.limit"}};
}

std::vector<ControlWrite> PlanDeviceWrites(const spec::Resources* resources) {
  std::vector<ControlWrite> writes = {{"devices", "devices.deny", "a", "linux.resources.devices"}};
  if (resources) {
    for (size_t i = 0; i < resources->devices.size(); ++i) {
      const spec::DeviceRule& rule = resources->devices[i];
      writes.push_back({"devices", rule.allow ? "devices.allow" : "devices.deny", RuleText(rule),
                        absl::StrCat("linux.resources.devices[", i, "]")});
    }
  }
  for (const char* rule : kDefaultRules) {
    writes.push_back({"devices", "devices.allow", rule, "linux.resources.devices"});
  }
  return writes;
}

absl::Status CheckDevicesWithoutController(const spec::Resources& resources) {
  for (size_t i = 0; i < resources.devices.size(); ++i) {
    const spec::DeviceRule& rule = resources.devices[i];
    if (rule.allow || IsDenyAll(rule)) continue;
    return absl::UnimplementedError(
        absl::StrCat("linux.resources.devices[", i,
                     "]: this host has no v1 devices controller, and moat can't deny single "
                     "devices without it yet"));
  }
  return absl::OkStatus();
}

uint64_t WeightOfShares(uint64_t shares) {
  const uint64_t clamped = std::clamp<uint64_t>(shares, 2, 262144);
  return 1 + ((clamped - 2) * 9999) / 262142;
}

}  // namespace moat::cgroups
