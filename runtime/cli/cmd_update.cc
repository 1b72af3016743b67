#include <unistd.h>

#include <limits>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/cgroups/systemd_scope.h"
#include "runtime/cli/command.h"
#include "runtime/cli/state_json.h"
#include "runtime/cli/values.h"
#include "runtime/launch/scope_holder.h"
#include "runtime/spec/parse.h"

namespace moat::cli {
namespace {

// As written; "" and none: not given.
struct UpdateFlags {
  std::string id;
  std::string resources;  // a file, "-" for standard input
  std::string memory, memory_reservation, memory_swap;
  std::optional<uint64_t> cpu_period, cpu_share, cpu_burst;
  std::optional<int64_t> cpu_quota, cpu_idle, pids_limit;
  std::string cpuset_cpus, cpuset_mems;
  std::optional<uint16_t> blkio_weight;
};

absl::StatusOr<spec::Resources> ReadResources(const std::string& file) {
  const bool input = file == "-";
  const std::string name = input ? "--resources (standard input)" : "--resources " + file;
  std::string text;
  if (input) {
    auto all = ReadAll(STDIN_FILENO, spec::kMaxConfigSize);
    if (!all.ok()) return ErrnoStatus(all.error().value(), "read", name);
    text = std::move(all).value();
  } else {
    ASSIGN_OR_RETURN(text, ReadFile(file, spec::kMaxConfigSize));
  }
  auto resources = spec::ParseResources(text);
  if (!resources.ok()) return Annotate(resources.status(), name);
  return resources;
}

// A size, or -1 for no limit.
absl::Status TakeSize(const char* flag, const std::string& text, std::optional<int64_t>& out) {
  if (text.empty()) return absl::OkStatus();
  if (text == "-1") {
    out = -1;
    return absl::OkStatus();
  }
  const auto size = ParseSize(text);
  if (!size.ok()) return Annotate(size.status(), flag);
  out = *size;
  return absl::OkStatus();
}

absl::StatusOr<spec::Resources> FromFlags(const UpdateFlags& flags) {
  spec::Resources resources;
  spec::MemoryLimits memory;
  RETURN_IF_ERROR(TakeSize("--memory", flags.memory, memory.limit));
  RETURN_IF_ERROR(TakeSize("--memory-reservation", flags.memory_reservation, memory.reservation));
  RETURN_IF_ERROR(TakeSize("--memory-swap", flags.memory_swap, memory.swap));
  if (memory.limit || memory.reservation || memory.swap) resources.memory = memory;
  spec::CpuLimits cpu;
  cpu.period = flags.cpu_period;
  cpu.shares = flags.cpu_share;
  cpu.burst = flags.cpu_burst;
  cpu.quota = flags.cpu_quota;
  cpu.idle = flags.cpu_idle;
  cpu.cpus = flags.cpuset_cpus;
  cpu.mems = flags.cpuset_mems;
  const bool any_cpu = cpu.period || cpu.shares || cpu.burst || cpu.quota || cpu.idle ||
                       !cpu.cpus.empty() || !cpu.mems.empty();
  if (any_cpu) resources.cpu = cpu;
  if (flags.pids_limit) resources.pids = spec::PidsLimit{*flags.pids_limit};
  if (flags.blkio_weight) resources.block_io.emplace().weight = flags.blkio_weight;
  return resources;
}

absl::StatusOr<int> Update(const Context& context, const UpdateFlags& flags) {
  spec::Resources resources;
  if (flags.resources.empty()) {
    ASSIGN_OR_RETURN(resources, FromFlags(flags));
  } else {
    ASSIGN_OR_RETURN(resources, ReadResources(flags.resources));
  }
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(flags.id));
  ASSIGN_OR_RETURN(const state::Record record, entry.Read());
  if (state::CurrentStatus(record) == state::Status::kStopped) return NotRunning(record);
  RETURN_IF_ERROR(cgroups::LiveGroups(record.cgroup_paths).Update(resources));
  const std::string unit = cgroups::ScopeUnitOf(record.cgroup_paths);
  if (unit.empty()) return 0;
  ASSIGN_OR_RETURN(const std::string program, FindPart(kSystemdPart));
  RETURN_IF_ERROR(
      launch::SetScopeProperties(program, OwnSystemd(), unit, cgroups::ScopeProperties(resources)));
  return 0;
}

// Of runc's flags those that no host of today has, or that moat can't honour: an error.
void DeclareRefused(CLI::App& app, const std::string& name, const std::string& why) {
  app.add_option_function<std::string>(
         name, [name, why](const std::string&) { throw CLI::ValidationError(name, why); })
      ->group("");
}

}  // namespace

Action ConfigureUpdate(CLI::App& app) {
  auto flags = std::make_shared<UpdateFlags>();
  app.add_option("id", flags->id, "a created or running container")->required()->type_name("ID");
  app.add_option("-r,--resources", flags->resources,
                 "FILE with linux.resources as JSON (- for standard input); other flags are then "
                 "not looked at")
      ->type_name("FILE");
  app.add_option("--memory,-m", flags->memory, "limit; -1: none")->type_name("SIZE");
  app.add_option("--memory-reservation", flags->memory_reservation, "soft limit")
      ->type_name("SIZE");
  app.add_option("--memory-swap", flags->memory_swap, "memory and swap together; -1: no limit")
      ->type_name("SIZE");
  app.add_option("--cpu-period", flags->cpu_period, "of the CPU quota")->type_name("MICROSECONDS");
  app.add_option("--cpu-quota", flags->cpu_quota, "CPU time a period; -1: no limit")
      ->type_name("MICROSECONDS");
  app.add_option("--cpu-burst", flags->cpu_burst, "CPU time that may be saved up")
      ->type_name("MICROSECONDS");
  app.add_option("--cpu-share", flags->cpu_share, "relative weight, 2 to 262144")->type_name("N");
  app.add_option("--cpu-idle", flags->cpu_idle, "1: runs only when nothing else wants to")
      ->type_name("0|1");
  app.add_option("--cpuset-cpus", flags->cpuset_cpus, "processors, like 0-3,7")->type_name("LIST");
  app.add_option("--cpuset-mems", flags->cpuset_mems, "memory nodes")->type_name("LIST");
  app.add_option("--pids-limit", flags->pids_limit, "processes and threads; -1: no limit")
      ->type_name("N");
  app.add_option("--blkio-weight", flags->blkio_weight, "relative weight, 10 to 1000")
      ->type_name("N");
  for (const char* name : {"--kernel-memory", "--kernel-memory-tcp"}) {
    DeclareRefused(app, name, "no kernel of today limits this by itself; leave it out");
  }
  for (const char* name : {"--cpu-rt-period", "--cpu-rt-runtime"}) {
    DeclareRefused(app, name, "moat does not support real-time limits");
  }
  for (const char* name : {"--l3-cache-schema", "--mem-bw-schema"}) {
    DeclareRefused(app, name, "moat does not support Intel RDT");
  }
  app.footer(
      "\nExamples:\n"
      "  moat update --memory 256M --pids-limit 100 web\n"
      "  echo '{\"cpu\":{\"quota\":50000}}' | moat update --resources - web");
  return [flags](const Context& context) { return Update(context, *flags); };
}

}  // namespace moat::cli
