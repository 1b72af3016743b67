#include "runtime/cgroups/resource_writes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

absl::Status Gone(absl::string_view field) {
  return absl::UnimplementedError(
      absl::StrCat(field, ": Linux does not have this any more; take it out of the configuration"));
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
      writes_.push_back({controller, v2_file, v2_value, field, "", "", false});
    } else {
      writes_.push_back({controller, v1_file, v1_value, field, "", "", false});
    }
  }
  // For the write that Add has just planned, if it did.
  void OrElse(const std::string& file, const std::string& other_file,
              const std::string& other_value) {
    if (writes_.empty() || writes_.back().file != file) return;
    writes_.back().other_file = other_file;
    writes_.back().other_value = other_value;
  }
  void OrNot(const std::string& file) {
    if (!writes_.empty() && writes_.back().file == file) writes_.back().optional = true;
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
  // `kernel` and `kernelTCP` are without effect, as in runc (CheckResources warns of them).
  if (!memory.use_hierarchy.value_or(true)) planner.Fail(Gone(prefix + "useHierarchy"));
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
  if (memory.disable_oom_killer.value_or(false)) {
    planner.Add(prefix + "disableOOMKiller", "memory", "memory.oom_control", "1", "", "");
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
  if (cpu.realtime_period.value_or(0) != 0) {
    planner.Add(prefix + "realtimePeriod", "cpu", "cpu.rt_period_us",
                absl::StrCat(*cpu.realtime_period), "", "");
  }
  if (cpu.realtime_runtime.value_or(0) != 0) {
    planner.Add(prefix + "realtimeRuntime", "cpu", "cpu.rt_runtime_us",
                absl::StrCat(*cpu.realtime_runtime), "", "");
  }
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

std::string NumberOf(int64_t major, int64_t minor) { return absl::StrCat(major, ":", minor); }

void PlanThrottle(const std::string& name, const std::vector<spec::ThrottleDevice>& devices,
                  const char* v1_file, const char* v2_key, bool v2, Planner& planner) {
  for (size_t i = 0; i < devices.size(); ++i) {
    const spec::ThrottleDevice& device = devices[i];
    const std::string number = NumberOf(device.major, device.minor);
    // 0 takes a limit away; v2 says "max".
    const std::string rate = v2 && device.rate == 0 ? "max" : absl::StrCat(device.rate);
    planner.Add(absl::StrCat("linux.resources.blockIO.", name, "[", i, "]"), v2 ? "io" : "blkio",
                v1_file, absl::StrCat(number, " ", rate), "io.max",
                absl::StrCat(number, " ", v2_key, "=", rate));
  }
}

void PlanWeightDevices(const std::vector<spec::WeightDevice>& devices, bool v2, Planner& planner) {
  for (size_t i = 0; i < devices.size(); ++i) {
    const spec::WeightDevice& device = devices[i];
    const std::string field = absl::StrCat("linux.resources.blockIO.weightDevice[", i, "]");
    const std::string number = NumberOf(device.major, device.minor);
    if (device.weight.value_or(0) != 0) {
      const std::string value = absl::StrCat(number, " ", *device.weight);
      planner.Add(field, v2 ? "io" : "blkio", "blkio.weight_device", value, "io.bfq.weight", value);
      planner.OrElse("blkio.weight_device", "blkio.bfq.weight_device", value);
      planner.OrElse("io.bfq.weight", "io.weight",
                     absl::StrCat(number, " ", IoWeight(*device.weight)));
    }
    if (device.leaf_weight.value_or(0) != 0) {
      planner.Add(field + ".leafWeight", v2 ? "io" : "blkio", "blkio.leaf_weight_device",
                  absl::StrCat(number, " ", *device.leaf_weight), "", "");
    }
  }
}

void PlanBlockIo(const spec::BlockIo& block_io, Planner& planner) {
  const bool v2 = planner.IsV2("io");
  const std::string controller = v2 ? "io" : "blkio";
  if (block_io.weight.value_or(0) != 0) {
    const std::string weight = absl::StrCat(*block_io.weight);
    planner.Add("linux.resources.blockIO.weight", controller, "blkio.weight", weight,
                "io.bfq.weight", weight);
    planner.OrElse("blkio.weight", "blkio.bfq.weight", weight);
    planner.OrElse("io.bfq.weight", "io.weight", absl::StrCat(IoWeight(*block_io.weight)));
  }
  if (block_io.leaf_weight.value_or(0) != 0) {
    planner.Add("linux.resources.blockIO.leafWeight", controller, "blkio.leaf_weight",
                absl::StrCat(*block_io.leaf_weight), "", "");
  }
  PlanWeightDevices(block_io.weight_device, v2, planner);
  PlanThrottle("throttleReadBpsDevice", block_io.throttle_read_bps_device,
               "blkio.throttle.read_bps_device", "rbps", v2, planner);
  PlanThrottle("throttleWriteBpsDevice", block_io.throttle_write_bps_device,
               "blkio.throttle.write_bps_device", "wbps", v2, planner);
  PlanThrottle("throttleReadIOPSDevice", block_io.throttle_read_iops_device,
               "blkio.throttle.read_iops_device", "riops", v2, planner);
  PlanThrottle("throttleWriteIOPSDevice", block_io.throttle_write_iops_device,
               "blkio.throttle.write_iops_device", "wiops", v2, planner);
}

// Reservations first: what is reserved can't be refused later (hugetlb.rst, "rsvd"; Linux 5.7).
void PlanHugepages(const std::vector<spec::HugepageLimit>& limits, Planner& planner) {
  for (size_t i = 0; i < limits.size(); ++i) {
    const std::string field = absl::StrCat("linux.resources.hugepageLimits[", i, "]");
    const std::string& size = limits[i].page_size;
    if (size.empty() || size.find_first_not_of("0123456789KMGB") != std::string::npos) {
      planner.Fail(absl::InvalidArgumentError(
          absl::StrCat(field, ".pageSize: \"", size, "\" is not a size like 2MB")));
      return;
    }
    const std::string prefix = absl::StrCat("hugetlb.", size);
    const std::string value = absl::StrCat(limits[i].limit);
    planner.Add(field, "hugetlb", prefix + ".rsvd.limit_in_bytes", value, prefix + ".rsvd.max",
                value);
    planner.OrNot(prefix + ".rsvd.limit_in_bytes");
    planner.OrNot(prefix + ".rsvd.max");
    planner.Add(field, "hugetlb", prefix + ".limit_in_bytes", value, prefix + ".max", value);
  }
}

void PlanNetwork(const spec::NetworkResources& network, Planner& planner) {
  if (network.class_id.value_or(0) != 0) {
    planner.Add("linux.resources.network.classID", "net_cls", "net_cls.classid",
                absl::StrCat(*network.class_id), "", "");
  }
  for (size_t i = 0; i < network.priorities.size(); ++i) {
    const spec::InterfacePriority& priority = network.priorities[i];
    planner.Add(absl::StrCat("linux.resources.network.priorities[", i, "]"), "net_prio",
                "net_prio.ifpriomap", absl::StrCat(priority.name, " ", priority.priority), "", "");
  }
}

void PlanRdma(const std::map<std::string, spec::RdmaLimit>& rdma, Planner& planner) {
  for (const auto& [device, limit] : rdma) {
    std::string value = device;
    if (limit.hca_handles) absl::StrAppend(&value, " hca_handle=", *limit.hca_handles);
    if (limit.hca_objects) absl::StrAppend(&value, " hca_object=", *limit.hca_objects);
    if (value == device) continue;
    planner.Add(absl::StrCat("linux.resources.rdma.", device), "rdma", "rdma.max", value,
                "rdma.max", value);
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

// null, zero, full, tty, ptmx, random, urandom, and the container's own terminals. Making any node
// is allowed: it can't be opened.
constexpr struct {
  char type;
  int major, minor;  // -1: all
  const char* access;
} kDefaultRules[] = {
    {'c', -1, -1, "m"}, {'b', -1, -1, "m"},    {'c', 1, 3, "rwm"}, {'c', 1, 5, "rwm"},
    {'c', 1, 7, "rwm"}, {'c', 5, 0, "rwm"},    {'c', 5, 2, "rwm"}, {'c', 1, 8, "rwm"},
    {'c', 1, 9, "rwm"}, {'c', 136, -1, "rwm"},
};

}  // namespace

absl::StatusOr<std::vector<ControlWrite>> PlanWrites(const spec::Resources& resources,
                                                     const Layout& layout) {
  Planner planner(layout);
  if (resources.memory) PlanMemory(*resources.memory, planner);
  if (resources.cpu) PlanCpu(*resources.cpu, planner);
  if (resources.block_io) PlanBlockIo(*resources.block_io, planner);
  PlanHugepages(resources.hugepage_limits, planner);
  if (resources.network) PlanNetwork(*resources.network, planner);
  PlanRdma(resources.rdma, planner);
  PlanUnified(resources.unified, planner);
  return planner.Finish();
}

bool BindsSupervisors(const ControlWrite& write) {
  // Real time is shared out among all groups, and CPUs of one's own (cpuset.cpus.partition) are for
  // one group alone.
  if (write.controller == "cpu") return !absl::StartsWith(write.file, "cpu.rt_");
  return write.file == "cpuset.cpus" || write.file == "cpuset.mems";
}

std::vector<ControlWrite> PlanPidsWrites(const spec::Resources& resources) {
  if (!resources.pids) return {};
  return {{"pids", "pids.max", OrMax(resources.pids->limit), "linux.resources.pids.limit", "", "",
           false}};
}

std::vector<spec::DeviceRule> DeviceRules(const spec::Resources* resources) {
  std::vector<spec::DeviceRule> rules;
  if (resources) rules = resources->devices;
  for (const auto& rule : kDefaultRules) {
    rules.push_back({true, rule.type, rule.major, rule.minor, rule.access});
  }
  return rules;
}

std::vector<ControlWrite> PlanDeviceWrites(const spec::Resources* resources) {
  std::vector<ControlWrite> writes = {
      {"devices", "devices.deny", "a", "linux.resources.devices", "", "", false}};
  for (const spec::DeviceRule& rule : DeviceRules(resources)) {
    writes.push_back({"devices", rule.allow ? "devices.allow" : "devices.deny", RuleText(rule),
                      "linux.resources.devices", "", "", false});
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

uint64_t IoWeight(uint16_t weight) {
  const uint64_t clamped = std::clamp<uint64_t>(weight, 10, 1000);
  return 1 + ((clamped - 10) * 9999) / 990;
}

uint64_t WeightOfShares(uint64_t shares) {
  const uint64_t clamped = std::clamp<uint64_t>(shares, 2, 262144);
  return 1 + ((clamped - 2) * 9999) / 262142;
}

}  // namespace moat::cgroups
