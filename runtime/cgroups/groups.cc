#include "runtime/cgroups/groups.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/container/egress_names.h"
#include "runtime/cgroups/claim.h"
#include "runtime/cgroups/device_program.h"
#include "runtime/cgroups/egress_program.h"
#include "runtime/cgroups/group_paths.h"
#include "runtime/cgroups/resource_writes.h"

namespace moat::cgroups {
namespace {

constexpr size_t kMaxControlFile = 1 << 20;
constexpr absl::Duration kRemoveTimeout = absl::Seconds(10);

bool MeansNoPermission(const absl::Status& status) {
  const int error = StatusErrno(status);
  return error == EACCES || error == EPERM || error == EROFS;
}

bool AsksForLimits(const spec::Resources* resources) {
  return resources &&
         (resources->memory || resources->cpu || resources->pids || resources->block_io ||
          resources->network || !resources->hugepage_limits.empty() || !resources->rdma.empty() ||
          !resources->unified.empty());
}

// A fresh v1 cpuset is empty, and takes no process before it has what its parent has (cpuset(7)).
absl::Status InheritCpuset(const std::string& directory) {
  const std::string parent = directory.substr(0, directory.rfind('/'));
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    ASSIGN_OR_RETURN(const std::string own, ReadFile(directory + file, kMaxControlFile));
    if (!absl::StripAsciiWhitespace(own).empty()) continue;
    ASSIGN_OR_RETURN(const std::string value, ReadFile(parent + file, kMaxControlFile));
    RETURN_IF_ERROR(WriteFile(directory + file, value));
  }
  return absl::OkStatus();
}

// Passes the v2 controllers down to the children of `directory`, as far as they aren't yet. One
// that can't be passed on shows later, when its file is missing.
void EnableControllers(const std::string& directory, const std::vector<std::string>& controllers) {
  for (const std::string& controller : controllers) {
    WriteFile(directory + "/cgroup.subtree_control", "+" + controller).IgnoreError();
  }
}

absl::StatusOr<std::vector<pid_t>> ReadPids(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(directory + "/cgroup.procs", kMaxControlFile));
  std::vector<pid_t> pids;
  for (absl::string_view word : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    pid_t pid;
    if (absl::SimpleAtoi(word, &pid) && pid > 0) pids.push_back(pid);
  }
  return pids;
}

// The container's own group: it must be empty, and no other container's.
absl::Status TakeLeaf(const std::string& directory, bool is_new, const std::string& owner) {
  if (!is_new) {
    ASSIGN_OR_RETURN(const std::vector<pid_t> pids, ReadPids(directory));
    if (!pids.empty()) {
      return Annotate(ErrnoStatus(EEXIST, "mkdir", directory), "the group is in use");
    }
  }
  if (owner.empty()) return absl::OkStatus();
  absl::Status claimed = ClaimGroup(directory, owner);
  if (!claimed.ok() && is_new && !IsClaimedByOther(directory, owner)) ::rmdir(directory.c_str());
  return claimed;
}

// Makes `path` and its missing parents in one hierarchy; what was made is added to `made`.
absl::Status MakeGroup(const Hierarchy& hierarchy, const std::string& path,
                       const std::string& owner, std::vector<std::string>& made) {
  const std::vector<std::string> directories = DirectoriesDownTo(hierarchy.mount, path);
  if (hierarchy.v2) EnableControllers(hierarchy.mount, hierarchy.controllers);
  for (const std::string& directory : directories) {
    const bool leaf = directory == directories.back();
    const bool is_new = ::mkdir(directory.c_str(), 0755) == 0;
    if (!is_new && errno != EEXIST) return ErrnoStatus(errno, "mkdir", directory);
    if (leaf) RETURN_IF_ERROR(TakeLeaf(directory, is_new, owner));
    if (is_new || leaf) made.push_back(directory);
    if (hierarchy.v2 && !leaf) EnableControllers(directory, hierarchy.controllers);
    if (hierarchy.controllers == std::vector<std::string>{"cpuset"} && !hierarchy.v2) {
      RETURN_IF_ERROR(InheritCpuset(directory));
    }
  }
  return absl::OkStatus();
}

// Another container may remove a shared, empty parent between our mkdir calls.
absl::Status MakeGroupWithRetry(const Hierarchy& hierarchy, const std::string& path,
                                const std::string& owner, std::vector<std::string>& made) {
  constexpr int kTries = 5;
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    status = MakeGroup(hierarchy, path, owner, made);
    if (StatusErrno(status) != ENOENT) break;
  }
  return status;
}

absl::Status Write(const std::string& directory, const ControlWrite& write) {
  const std::string path = directory + "/" + write.file;
  if (::access(path.c_str(), F_OK) < 0) {
    if (!write.other_file.empty()) {
      return Annotate(WriteFile(directory + "/" + write.other_file, write.other_value),
                      write.field);
    }
    if (write.optional) return absl::OkStatus();
  }
  return Annotate(WriteFile(path, write.value), write.field);
}

const Hierarchy* FindV2(const Layout& layout) {
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    if (hierarchy.v2) return &hierarchy;
  }
  return nullptr;
}

// The rules of a container without the v1 controller: by a program on both of its v2 groups. A
// caller without the privilege (rootless) leaves devices to what opens them: every mount but /dev
// is nodev, and a user namespace makes no nodes.
absl::Status AttachDeviceRules(const spec::Resources* resources, const std::string& group) {
  const auto program = LoadDeviceProgram(CompileDeviceRules(DeviceRules(resources)));
  if (!program.ok()) {
    if (!MeansNoPermission(program.status())) {
      return Annotate(program.status(), "linux.resources.devices");
    }
    return resources ? CheckDevicesWithoutController(*resources) : absl::OkStatus();
  }
  // The gofer opens device files for the workload, so the rules must hold for it, too.
  RETURN_IF_ERROR(AttachDeviceProgram(*program, group));
  return AttachDeviceProgram(*program, group + kSupervisorSuffix);
}

bool AsksForRules(const GroupsConfig& config) {
  return config.egress != nullptr || config.listen != nullptr || config.devices != nullptr;
}

// The policy's device rules: a program of their own, beside that of the config's, so that both have
// to agree. The gofer, which opens device files for the workload, obeys them, too, but needs
// /dev/null itself.
absl::Status AttachDevices(const policies::Devices& devices, const std::string& group) {
  std::vector<spec::DeviceRule> rules;  // the last that covers a device decides
  rules.push_back({.allow = devices.otherwise_allow, .type = 'a'});
  for (auto rule = devices.rules.rbegin(); rule != devices.rules.rend(); ++rule) {
    rules.push_back({.allow = rule->allow,
                     .type = rule->type,
                     .major = rule->major,
                     .minor = rule->minor,
                     .access = rule->access});
  }
  ASSIGN_OR_RETURN(const Fd program, LoadDeviceProgram(CompileDeviceRules(rules)));
  RETURN_IF_ERROR(AttachDeviceProgram(program, group));
  rules.push_back({.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw"});
  ASSIGN_OR_RETURN(const Fd of_gofer, LoadDeviceProgram(CompileDeviceRules(rules)));
  return AttachDeviceProgram(of_gofer, group + kSupervisorSuffix);
}

// What sentry, gofer and resolver may reach: the DNS servers.
policies::Egress EgressOfSupervisors(const NameService& names) {
  policies::Egress egress;
  for (const policies::EndPoint& server : names.servers) {
    for (const auto protocol : {policies::Protocol::kUdp, policies::Protocol::kTcp}) {
      policies::EgressRule rule;
      rule.allow = true;
      rule.to = {"", server.address, 128, server.port, server.port, protocol};
      egress.rules.push_back(std::move(rule));
    }
  }
  return egress;
}

void WarnOfKernelMemory(const spec::Resources& resources) {
  if (!resources.memory) return;
  if (resources.memory->kernel.value_or(0) <= 0 && resources.memory->kernel_tcp.value_or(0) <= 0) {
    return;
  }
  LogWarning("linux.resources.memory.kernel and kernelTCP have no effect: memory.limit counts all");
}

void KillAll(const std::string& directory) {
  if (WriteFile(directory + "/cgroup.kill", "1").ok()) return;
  const absl::StatusOr<std::vector<pid_t>> pids = ReadPids(directory);
  if (!pids.ok()) return;
  for (pid_t pid : *pids) ::kill(pid, SIGKILL);
}

absl::Status RemoveGroup(const std::string& directory) {
  const absl::Time give_up = absl::Now() + kRemoveTimeout;
  absl::Duration pause = absl::Milliseconds(1);
  while (::rmdir(directory.c_str()) < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    if (errno != EBUSY || absl::Now() > give_up) return ErrnoStatus(errno, "rmdir", directory);
    KillAll(directory);
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(100));
  }
  return absl::OkStatus();
}

// A directory of the host without a way from it to the host: a detached, read-only mount of it,
// whose
// ".." is itself (open_tree(2), OPEN_TREE_CLONE).
absl::StatusOr<Fd> OpenDetachedView(const std::string& directory) {
  Fd view(::open_tree(AT_FDCWD, directory.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!view) return ErrnoStatus(errno, "open_tree", directory);
  mount_attr attributes = {};
  attributes.attr_set =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (::mount_setattr(view.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
    return ErrnoStatus(errno, "mount_setattr", directory);
  }
  return view;
}

}  // namespace

absl::Status CheckResources(const spec::Resources& resources, const Layout& layout) {
  RETURN_IF_ERROR(PlanWrites(resources, layout).status());
  if (resources.pids && !layout.Find("pids")) {
    return absl::FailedPreconditionError(
        "linux.resources.pids.limit: this host has no pids controller");
  }
  if (layout.Find("devices") || FindV2(layout)) return absl::OkStatus();
  return CheckDevicesWithoutController(resources);
}

// Everything in Create up to the limits; leaves what it made in paths_ even when it fails.
absl::Status Groups::MakeAll(const std::string& workload) {
  for (const Hierarchy& hierarchy : layout_.hierarchies) {
    for (const std::string& path : {workload, workload + kSupervisorSuffix}) {
      RETURN_IF_ERROR(MakeGroupWithRetry(hierarchy, path, owner_, paths_));
    }
  }
  return absl::OkStatus();
}

absl::Status Groups::ApplyLimits(const spec::Resources* resources,
                                 const std::string& workload) const {
  if (resources) {
    ASSIGN_OR_RETURN(const std::vector<ControlWrite> writes, PlanWrites(*resources, layout_));
    for (const ControlWrite& write : writes) {
      const std::string group = layout_.Find(write.controller)->mount + workload;
      RETURN_IF_ERROR(Write(group, write));
      if (BindsSupervisors(write)) RETURN_IF_ERROR(Write(group + kSupervisorSuffix, write));
    }
  }
  const Hierarchy* devices = layout_.Find("devices");
  if (!devices) {
    const Hierarchy* unified = FindV2(layout_);
    return unified ? AttachDeviceRules(resources, unified->mount + workload) : absl::OkStatus();
  }
  // The gofer opens device files for the workload, so the rules must hold for it, too.
  for (const ControlWrite& write : PlanDeviceWrites(resources)) {
    RETURN_IF_ERROR(Write(devices->mount + workload, write));
    RETURN_IF_ERROR(Write(devices->mount + workload + kSupervisorSuffix, write));
  }
  return absl::OkStatus();
}

absl::Status Groups::ApplyEgress(const GroupsConfig& config, const std::string& group) {
  if (!policies::HasNames(*config.egress)) return AttachEgress(*config.egress, nullptr, group);
  if (config.names == nullptr) return absl::InternalError("nobody answers for names");
  ASSIGN_OR_RETURN(name_map_, MakeNameMap());
  const Names names = {name_map_.get(), config.names->resolver};
  RETURN_IF_ERROR(AttachEgress(*config.egress, &names, group));
  return AttachEgress(EgressOfSupervisors(*config.names), nullptr, group + kSupervisorSuffix);
}

// The policy's rules that the kernel asks of a control group: without one nothing runs.
absl::Status Groups::ApplyPolicy(const GroupsConfig& config, const std::string& workload) {
  if (!AsksForRules(config)) return absl::OkStatus();
  const Hierarchy* unified = FindV2(layout_);
  if (unified == nullptr) {
    return absl::FailedPreconditionError(
        "the policy's egress, listen and device rules need a cgroup v2 hierarchy, and this host "
        "has none mounted (or --cgroup-manager is disabled): mount -t cgroup2 none "
        "/sys/fs/cgroup/unified");
  }
  const std::string group = unified->mount + workload;
  if (config.egress != nullptr) {
    RETURN_IF_ERROR(Annotate(ApplyEgress(config, group), "the policy's egress rules"));
  }
  if (config.listen != nullptr) {
    RETURN_IF_ERROR(Annotate(AttachListen(*config.listen, group), "the policy's listen rules"));
  }
  if (config.devices != nullptr) {
    RETURN_IF_ERROR(Annotate(AttachDevices(*config.devices, group), "the policy's device rules"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Groups::Plan(const Layout& layout,
                                                      const GroupsConfig& config) {
  ASSIGN_OR_RETURN(const std::string workload, WorkloadPath(config.path, config.id));
  std::vector<std::string> planned;
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    for (const std::string& path : {workload, workload + kSupervisorSuffix}) {
      for (std::string& directory : DirectoriesDownTo(hierarchy.mount, path)) {
        if (::access(directory.c_str(), F_OK) < 0) planned.push_back(std::move(directory));
      }
    }
  }
  return planned;
}

absl::StatusOr<Groups> Groups::Create(const Layout& layout, const GroupsConfig& config) {
  if (config.resources) {
    RETURN_IF_ERROR(CheckResources(*config.resources, layout));
    WarnOfKernelMemory(*config.resources);
  }
  ASSIGN_OR_RETURN(const std::string workload, WorkloadPath(config.path, config.id));
  Groups groups;
  groups.layout_ = layout;
  groups.owner_ = config.owner;
  absl::Cleanup undo = [&groups] { groups.Remove().IgnoreError(); };
  absl::Status status = groups.MakeAll(workload);
  if (status.ok()) status = groups.ApplyLimits(config.resources, workload);
  if (status.ok()) status = groups.ApplyPolicy(config, workload);
  if (!status.ok() && AsksForRules(config)) return status;
  if (!status.ok() && MeansNoPermission(status) && !AsksForLimits(config.resources)) {
    // Not the error's own words: clients take "permission denied" on standard error for the reason
    // of a failure.
    LogWarning(absl::StrCat("no control groups, so no limits: they may not be made here (",
                            ErrnoName(StatusErrno(status)), ")"));
    return Groups();
  }
  RETURN_IF_ERROR(status);
  std::move(undo).Cancel();
  return groups;
}

Groups Groups::FromPaths(std::vector<std::string> paths, std::string owner) {
  Groups groups;
  groups.paths_ = std::move(paths);
  groups.owner_ = std::move(owner);
  return groups;
}

std::vector<std::string> Groups::Leaves(bool supervisor) const {
  std::vector<std::string> leaves;
  for (const std::string& path : paths_) {
    if (IsSupervisor(path) == supervisor && !IsParentOfAny(path, paths_)) leaves.push_back(path);
  }
  return leaves;
}

absl::StatusOr<Entrance> Groups::ForWorkload(const SubGroups& below) const {
  if (below.empty()) return ForWorkload();
  ASSIGN_OR_RETURN(const Layout layout, DetectLayout());
  ASSIGN_OR_RETURN(const auto directories, SubGroupDirectories(Leaves(false), layout, below));
  auto entrance = Entrance::Open(directories);
  if (!entrance.ok()) return Annotate(entrance.status(), "--cgroup");
  return entrance;
}

std::string Groups::WorkloadDirectory(const Hierarchy& hierarchy) const {
  for (const std::string& path : paths_) {
    const bool inside = absl::string_view(path).substr(0, hierarchy.mount.size() + 1) ==
                        absl::StrCat(hierarchy.mount, "/");
    if (inside && !IsSupervisor(path) && !IsParentOfAny(path, paths_)) return path;
  }
  return "";
}

absl::Status Groups::ApplyPidsLimit(const spec::Resources* resources) const {
  if (!resources || paths_.empty()) return absl::OkStatus();
  const Hierarchy* pids = layout_.Find("pids");
  for (const ControlWrite& write : PlanPidsWrites(*resources)) {
    if (!pids) return absl::FailedPreconditionError(write.field + ": no pids controller");
    RETURN_IF_ERROR(Write(WorkloadDirectory(*pids), write));
  }
  return absl::OkStatus();
}

std::vector<std::pair<std::string, Fd>> Groups::OpenForSentry() const {
  struct Wanted {
    const char* name;
    const char* v1;  // cpuacct has the usage in v1, cpu only the throttling
    const char* v2;
  };
  constexpr Wanted kWanted[] = {{"cgroup_memory", "memory", "memory"},
                                {"cgroup_cpu", "cpuacct", "cpu"},
                                {"cgroup_cpu_limit", "cpu", "cpu"},
                                {"cgroup_cpuset", "cpuset", "cpuset"},
                                {"cgroup_pids", "pids", "pids"}};
  std::vector<std::pair<std::string, Fd>> opened;
  std::map<std::string, int> views;
  for (const Wanted& wanted : kWanted) {
    const Hierarchy* hierarchy = layout_.Find(wanted.v1);
    if (!hierarchy) hierarchy = layout_.Find(wanted.v2);
    if (!hierarchy) continue;
    const std::string directory = WorkloadDirectory(*hierarchy);
    if (directory.empty()) continue;
    if (const auto same = views.find(directory); same != views.end()) {
      if (Fd copy(::fcntl(same->second, F_DUPFD_CLOEXEC, 0)); copy) {
        opened.emplace_back(wanted.name, std::move(copy));
      }
      continue;
    }
    auto view = OpenDetachedView(directory);
    if (!view.ok()) continue;
    views[directory] = view->get();
    opened.emplace_back(wanted.name, std::move(view).value());
  }
  return opened;
}

absl::StatusOr<std::vector<pid_t>> Groups::WorkloadPids() const {
  for (const std::string& path : paths_) {
    if (IsSupervisor(path) || IsParentOfAny(path, paths_)) continue;
    if (!IsClaimedByOther(path, owner_)) return ReadPids(path);
  }
  return absl::FailedPreconditionError("the container has no control group");
}

// v1: memory.oom_control, v2: memory.events, both with a line "oom_kill <number>".
int64_t Groups::OutOfMemoryKills() const {
  const Hierarchy* memory = layout_.Find("memory");
  if (!memory) return 0;
  const std::string directory = WorkloadDirectory(*memory);
  if (directory.empty()) return 0;
  const char* const file = memory->v2 ? "/memory.events" : "/memory.oom_control";
  const absl::StatusOr<std::string> text = ReadFile(directory + file, kMaxControlFile);
  if (!text.ok()) return 0;
  int64_t kills = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::ConsumePrefix(&line, "oom_kill ") && absl::SimpleAtoi(line, &kills)) return kills;
  }
  return 0;
}

absl::Status Groups::Remove() {
  absl::Status first;
  const std::vector<std::string> paths = std::move(paths_);
  paths_.clear();
  // All groups of a process are killed by one that has cgroup.kill, so v2 first.
  for (const std::string& path : paths) {
    const bool ours = !IsParentOfAny(path, paths) && !IsClaimedByOther(path, owner_);
    if (ours && ::access((path + "/cgroup.kill").c_str(), W_OK) == 0) KillAll(path);
  }
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    if (IsParentOfAny(*path, paths)) {
      // Shared with other containers; the last one removes it.
      ::rmdir(path->c_str());
      continue;
    }
    if (IsClaimedByOther(*path, owner_)) continue;
    const absl::Status status = RemoveGroup(*path);
    if (first.ok()) first = status;
  }
  return first;
}

void RemoveEmpty(const std::vector<std::string>& paths) {
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) ::rmdir(path->c_str());
}

}  // namespace moat::cgroups
