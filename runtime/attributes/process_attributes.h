// What the kernel keeps of a process beside its identity: scheduling, I/O priority, personality,
// memory policy and security labels (runtime-spec 1.3, config.md "Process", config-linux.md
// "Personality" and "Memory Policy"). All of it is inherited by what the process starts.
#ifndef MOAT_RUNTIME_ATTRIBUTES_PROCESS_ATTRIBUTES_H_
#define MOAT_RUNTIME_ATTRIBUTES_PROCESS_ATTRIBUTES_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::attributes {

// struct sched_attr of sched_setattr(2), in its first version.
struct SchedulerSetting {
  uint32_t size = 48;
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;  // nanoseconds
};

struct MemoryPolicySetting {
  int mode = 0;  // with its flags, as set_mempolicy(2) takes it
  std::vector<unsigned long> nodes;
};

// Empty fields are left as they are.
struct ProcessAttributes {
  std::optional<SchedulerSetting> scheduler;
  std::optional<int> io_priority;  // ioprio_set(2)
  std::optional<unsigned long> personality;
  std::optional<MemoryPolicySetting> memory_policy;
  std::string apparmor_profile;
  std::string selinux_label;
  // process.execCPUAffinity, which concerns exec alone (SetCpus): processors on which the process
  // is made, and on which it runs once it is in the container's control group.
  std::vector<int> initial_cpus, final_cpus;
};

// Errors name the field: a word that Linux does not have, a number out of range, a label without
// its security module on this host (as runc).
absl::StatusOr<ProcessAttributes> ParseAttributes(const spec::Spec& spec);

// "0-3,7" as numbers, ascending. An error for anything else, and for numbers above `highest`. Pure.
absl::StatusOr<std::vector<int>> ParseNumberList(absl::string_view list, int highest);

// Lets `pid` run on `cpus` alone; an empty list changes nothing. Children inherit it. `field` is
// for errors: a processor that is not there, or that the process's control group has not.
absl::Status SetCpus(pid_t pid, const std::vector<int>& cpus, absl::string_view field);

// Scheduling and I/O priority of `pid`, which may take a privilege that only the caller has.
absl::Status ApplyFromOutside(const ProcessAttributes& attributes, pid_t pid);

// The others, on the calling process; `procfs` is the root of a procfs that shows it. Labels count
// from its next execve on.
absl::Status ApplyToSelf(const ProcessAttributes& attributes, int procfs);

}  // namespace moat::attributes

#endif  // MOAT_RUNTIME_ATTRIBUTES_PROCESS_ATTRIBUTES_H_
