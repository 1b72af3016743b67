#include "runtime/attributes/process_attributes.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "base/linux_abi/ioprio.h"
#include "base/read_file.h"
#include "base/status.h"

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5  // since Linux 5.15
#endif

namespace moat::attributes {
namespace {

constexpr int kHighestCpu = 8191;          // CONFIG_NR_CPUS at its highest
constexpr int kHighestNode = 1023;         // CONFIG_NODES_SHIFT at its highest
constexpr int kWeightedInterleave = 6;     // MPOL_WEIGHTED_INTERLEAVE, since Linux 6.9
constexpr int kNumaBalancing = (1 << 13);  // MPOL_F_NUMA_BALANCING, since Linux 5.12

absl::Status Fault(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

struct Word {
  absl::string_view name;
  uint64_t value;
};

constexpr Word kPolicies[] = {
    {"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", 6},
};
constexpr uint64_t kDeadline = 6;

// include/uapi/linux/sched.h
constexpr Word kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

constexpr Word kIoClasses[] = {
    {"IOPRIO_CLASS_RT", linux_abi::kIoprioClassRealTime},
    {"IOPRIO_CLASS_BE", linux_abi::kIoprioClassBestEffort},
    {"IOPRIO_CLASS_IDLE", linux_abi::kIoprioClassIdle},
};

constexpr Word kDomains[] = {{"LINUX", PER_LINUX}, {"LINUX32", PER_LINUX32}};

constexpr Word kMemoryModes[] = {
    {"MPOL_DEFAULT", MPOL_DEFAULT},       {"MPOL_BIND", MPOL_BIND},
    {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_WEIGHTED_INTERLEAVE", kWeightedInterleave},
    {"MPOL_PREFERRED", MPOL_PREFERRED},   {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_LOCAL", MPOL_LOCAL},
};

constexpr Word kMemoryFlags[] = {
    {"MPOL_F_NUMA_BALANCING", kNumaBalancing},
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
    {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
};

absl::StatusOr<uint64_t> Find(absl::Span<const Word> words, absl::string_view field,
                              absl::string_view name) {
  for (const Word& word : words) {
    if (word.name == name) return word.value;
  }
  return Fault(field, absl::StrCat("\"", name, "\" is not a word that Linux has here"));
}

absl::StatusOr<uint64_t> FindAll(absl::Span<const Word> words, absl::string_view field,
                                 const std::vector<std::string>& names) {
  uint64_t all = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    ASSIGN_OR_RETURN(const uint64_t one, Find(words, absl::StrCat(field, "[", i, "]"), names[i]));
    all |= one;
  }
  return all;
}

absl::StatusOr<SchedulerSetting> ParseScheduler(const spec::Scheduler& config) {
  const std::string field = "process.scheduler";
  SchedulerSetting setting;
  ASSIGN_OR_RETURN(const uint64_t policy, Find(kPolicies, field + ".policy", config.policy));
  ASSIGN_OR_RETURN(setting.flags, FindAll(kSchedulerFlags, field + ".flags", config.flags));
  setting.policy = static_cast<uint32_t>(policy);
  if (config.nice < -20 || config.nice > 19) return Fault(field + ".nice", "is not in -20 to 19");
  const bool real_time = policy == SCHED_FIFO || policy == SCHED_RR;
  if (config.priority != 0 && !real_time) {
    return Fault(field + ".priority", "is for SCHED_FIFO and SCHED_RR");
  }
  if (real_time && (config.priority < 1 || config.priority > 99)) {
    return Fault(field + ".priority", "is not in 1 to 99");
  }
  if (policy != kDeadline && (config.runtime | config.deadline | config.period) != 0) {
    return Fault(field, "runtime, deadline and period are for SCHED_DEADLINE");
  }
  setting.nice = config.nice;
  setting.priority = static_cast<uint32_t>(config.priority);
  setting.runtime = config.runtime;
  setting.deadline = config.deadline;
  setting.period = config.period;
  return setting;
}

absl::StatusOr<int> ParseIoPriority(const spec::IoPriority& config) {
  const std::string field = "process.ioPriority";
  ASSIGN_OR_RETURN(const uint64_t io_class, Find(kIoClasses, field + ".class", config.io_class));
  if (config.priority < 0 || config.priority > 7)
    return Fault(field + ".priority", "is not in 0 to 7");
  return static_cast<int>((io_class << linux_abi::kIoprioClassShift) |
                          static_cast<uint64_t>(config.priority));
}

absl::StatusOr<MemoryPolicySetting> ParseMemoryPolicy(const spec::MemoryPolicy& config) {
  const std::string field = "linux.memoryPolicy";
  MemoryPolicySetting setting;
  ASSIGN_OR_RETURN(const uint64_t mode, Find(kMemoryModes, field + ".mode", config.mode));
  ASSIGN_OR_RETURN(const uint64_t flags, FindAll(kMemoryFlags, field + ".flags", config.flags));
  setting.mode = static_cast<int>(mode | flags);
  if (config.nodes.empty()) return setting;
  const auto nodes = ParseNumberList(config.nodes, kHighestNode);
  if (!nodes.ok()) return Annotate(nodes.status(), field + ".nodes");
  constexpr int kBits = 8 * sizeof(unsigned long);
  setting.nodes.resize((kHighestNode + 1) / kBits);
  for (const int node : *nodes) {
    setting.nodes[static_cast<size_t>(node / kBits)] |= 1UL << (node % kBits);
  }
  return setting;
}

absl::StatusOr<std::vector<int>> ParseCpus(absl::string_view field, const std::string& list) {
  if (list.empty()) return std::vector<int>();
  auto cpus = ParseNumberList(list, kHighestCpu);
  if (!cpus.ok()) return Annotate(cpus.status(), field);
  return cpus;
}

bool HasAppArmor() {
  const auto enabled = ReadFile("/sys/module/apparmor/parameters/enabled", 16);
  return enabled.ok() && !enabled->empty() && enabled->front() == 'Y';
}

bool HasSelinux() { return ::access("/sys/fs/selinux/enforce", F_OK) == 0; }

absl::Status CheckLabels(const spec::Spec& spec) {
  const auto missing = [](absl::string_view field, absl::string_view module) {
    return absl::FailedPreconditionError(
        absl::StrCat(field, ": this host has no ", module, "; take it out of the configuration"));
  };
  if (!spec.process->apparmor_profile.empty() && !HasAppArmor()) {
    return missing("process.apparmorProfile", "AppArmor");
  }
  if (HasSelinux()) return absl::OkStatus();
  if (!spec.process->selinux_label.empty()) return missing("process.selinuxLabel", "SELinux");
  if (!spec.linux_config.mount_label.empty()) return missing("linux.mountLabel", "SELinux");
  return absl::OkStatus();
}

absl::Status SetMemoryPolicy(const MemoryPolicySetting& setting) {
  // The kernel takes one bit less than it is told (set_mempolicy(2), BUGS).
  const unsigned long bits =
      setting.nodes.empty() ? 0 : 8 * sizeof(unsigned long) * setting.nodes.size();
  const unsigned long* nodes = setting.nodes.empty() ? nullptr : setting.nodes.data();
  if (::syscall(SYS_set_mempolicy, setting.mode, nodes, bits) < 0) {
    return ErrnoStatus(errno, "set_mempolicy", "linux.memoryPolicy");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<int>> ParseNumberList(absl::string_view list, int highest) {
  std::vector<int> numbers;
  for (absl::string_view part : absl::StrSplit(list, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = -1, last = -1;
    const bool range = ends.first.size() != part.size();
    const bool good = absl::SimpleAtoi(ends.first, &first) &&
                      (range ? absl::SimpleAtoi(ends.second, &last) : (last = first, true));
    if (!good || first < 0 || first > last || last > highest) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", list, "\" is not a list like 0-3,7 of numbers up to ", highest));
    }
    for (int number = first; number <= last; ++number) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

absl::StatusOr<ProcessAttributes> ParseAttributes(const spec::Spec& spec) {
  ProcessAttributes attributes;
  const spec::Process& process = *spec.process;
  RETURN_IF_ERROR(CheckLabels(spec));
  attributes.apparmor_profile = process.apparmor_profile;
  attributes.selinux_label = process.selinux_label;
  if (process.scheduler) {
    ASSIGN_OR_RETURN(attributes.scheduler, ParseScheduler(*process.scheduler));
  }
  if (process.io_priority) {
    ASSIGN_OR_RETURN(attributes.io_priority, ParseIoPriority(*process.io_priority));
  }
  if (process.exec_cpu_affinity) {
    const spec::ExecCpuAffinity& affinity = *process.exec_cpu_affinity;
    ASSIGN_OR_RETURN(attributes.initial_cpus,
                     ParseCpus("process.execCPUAffinity.initial", affinity.initial));
    ASSIGN_OR_RETURN(attributes.final_cpus,
                     ParseCpus("process.execCPUAffinity.final", affinity.final));
  }
  const spec::Linux& config = spec.linux_config;
  if (config.personality) {
    // Its flags are defined by nobody yet (config-linux.md); runc leaves them out as well.
    ASSIGN_OR_RETURN(attributes.personality,
                     Find(kDomains, "linux.personality.domain", config.personality->domain));
  }
  if (config.memory_policy) {
    ASSIGN_OR_RETURN(attributes.memory_policy, ParseMemoryPolicy(*config.memory_policy));
  }
  return attributes;
}

absl::Status SetCpus(pid_t pid, const std::vector<int>& cpus, absl::string_view field) {
  if (cpus.empty()) return absl::OkStatus();
  constexpr int kBits = 8 * sizeof(unsigned long);
  std::array<unsigned long, (kHighestCpu + 1) / kBits> mask = {};
  for (const int cpu : cpus) mask[static_cast<size_t>(cpu / kBits)] |= 1UL << (cpu % kBits);
  if (::syscall(SYS_sched_setaffinity, pid, sizeof(mask), mask.data()) < 0) {
    return ErrnoStatus(errno, "sched_setaffinity", field);
  }
  return absl::OkStatus();
}

absl::Status ApplyFromOutside(const ProcessAttributes& attributes, pid_t pid) {
  if (attributes.scheduler && ::syscall(SYS_sched_setattr, pid, &*attributes.scheduler, 0) < 0) {
    return ErrnoStatus(errno, "sched_setattr", "process.scheduler");
  }
  if (attributes.io_priority &&
      ::syscall(SYS_ioprio_set, linux_abi::kIoprioWhoProcess, pid, *attributes.io_priority) < 0) {
    return ErrnoStatus(errno, "ioprio_set", "process.ioPriority");
  }
  return absl::OkStatus();
}

absl::Status ApplyToSelf(const ProcessAttributes& attributes, int procfs) {
  if (attributes.personality && ::personality(*attributes.personality) < 0) {
    return ErrnoStatus(errno, "personality", "linux.personality");
  }
  if (attributes.memory_policy) RETURN_IF_ERROR(SetMemoryPolicy(*attributes.memory_policy));
  if (!attributes.apparmor_profile.empty()) {
    const std::string text = absl::StrCat("exec ", attributes.apparmor_profile);
    // The first is of Linux 5.8 and newer, where several modules share the second.
    absl::Status status = WriteFileAt(procfs, "self/attr/apparmor/exec", text);
    if (StatusErrno(status) == ENOENT) status = WriteFileAt(procfs, "self/attr/exec", text);
    if (!status.ok()) return Annotate(status, "process.apparmorProfile");
  }
  if (attributes.selinux_label.empty()) return absl::OkStatus();
  return Annotate(WriteFileAt(procfs, "self/attr/exec", attributes.selinux_label),
                  "process.selinuxLabel");
}

}  // namespace moat::attributes
