// A bundle's config.json, and parts of it as exec and update take them. What is accepted keeps what
// the headers of runtime/spec promise, and everything that is computed from it alone ends.
#include <linux/bpf_common.h>

#include <cstdlib>
#include <optional>

#include "absl/strings/match.h"
#include "runtime/attributes/process_attributes.h"
#include "runtime/cgroups/group_paths.h"
#include "runtime/cgroups/resource_writes.h"
#include "runtime/cgroups/systemd_scope.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/seccomp/profile.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/validate.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {
namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

void CheckGroups(const spec::Spec& spec) {
  const std::string& written = spec.linux_config.cgroups_path;
  const auto path = cgroups::WorkloadPath(written, "fuzz");
  Require(!path.ok() || (absl::StartsWith(*path, "/") && !absl::StrContains(*path, "/../")));
  const auto scope = cgroups::ScopeNameOf(written, "fuzz", cgroups::Manager::kSystemd);
  Require(!scope.ok() || !absl::StrContains(scope->unit, "/"));
}

void CheckResources(const spec::Resources& resources) {
  const cgroups::Hierarchy v2{
      "/sys/fs/cgroup", {"cpu", "cpuset", "hugetlb", "io", "memory", "rdma"}, true};
  const auto writes = cgroups::PlanWrites(resources, {{v2}});
  if (writes.ok()) {
    for (const cgroups::ControlWrite& write : *writes) {
      Require(!write.file.empty() && !absl::StrContains(write.file, "/"));
    }
  }
  cgroups::PlanDeviceWrites(&resources);
  cgroups::ScopeProperties(resources);
}

void CheckConfig(const spec::Spec& spec) {
  if (spec.process) {
    Require(!spec.process->args.empty() && absl::StartsWith(spec.process->cwd, "/"));
  }
  CheckGroups(spec);
  const auto& resources = spec.linux_config.resources;
  if (resources) CheckResources(*resources);
  const auto uids = namespaces::IdMap::Create(spec.linux_config.uid_mappings, "0 0 4294967295\n",
                                              "linux.uidMappings");
  Require(!uids.ok() || uids->ToHost(0));
  attributes::ParseAttributes(spec).IgnoreError();
  if (!spec.linux_config.seccomp) return;
  const seccomp::Surroundings moat = {
      .number_of = [](absl::string_view name) -> std::optional<int> {
        return name.empty() ? std::nullopt : std::optional(static_cast<int>(name.size()));
      },
      .cookie = 42,
      .plan_call = 700};
  const auto profile = seccomp::CompileProfile(*spec.linux_config.seccomp, moat);
  Require(!profile.ok() || profile->program.size() <= BPF_MAXINSNS);
}

}  // namespace

void Run(absl::string_view input) {
  const auto spec = spec::Parse(input);
  if (spec.ok() && spec::Validate(*spec).ok()) CheckConfig(*spec);
  const auto process = spec::ParseProcess(input);
  if (process.ok()) Require(!process->args.empty());
  const auto resources = spec::ParseResources(input);
  if (resources.ok()) CheckResources(*resources);
}

}  // namespace moat::fuzz
