#include "runtime/launch/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/fd_message.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/hooks/hook_state.h"
#include "runtime/launch/boot_config.h"
#include "runtime/launch/control.h"
#include "runtime/launch/differing_namespaces.h"
#include "runtime/launch/limits.h"
#include "runtime/launch/message.h"
#include "runtime/namespaces/net_devices.h"
#include "runtime/resolv/questions.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::launch {
namespace {

// Whether a mount may appear in the container's tree after the gofer has been started: by
// propagation, or by a hook that runs later.
bool MountsMayCome(const spec::Spec& spec) {
  const auto receives = [](absl::string_view propagation) {
    return absl::EndsWith(propagation, "shared") || absl::EndsWith(propagation, "slave");
  };
  return !spec.hooks.start_container.empty() || !spec.hooks.poststart.empty() ||
         receives(spec.linux_config.rootfs_propagation) ||
         std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const spec::Mount& mount) {
           return std::any_of(mount.options.begin(), mount.options.end(), receives);
         });
}

// File rules bind what is there when the tree is built.
absl::Status CheckFileRules(const policies::Policy* policy, const spec::Spec& spec, bool hooks) {
  if (policy == nullptr || (policy->files().empty() && policy->exec() == nullptr)) {
    return absl::OkStatus();
  }
  if (!hooks && !MountsMayCome(spec)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the policy's file and exec rules can't be kept: mounts may come later, by hooks or by "
      "propagation (rootfsPropagation, a mount option shared or slave)");
}

using nlohmann::json;

constexpr char kSentry[] = "moat-sentry";
constexpr char kGofer[] = "moat-gofer";
constexpr char kResolver[] = "moat-resolver";
constexpr char kInit[] = "the container's init";

// A text that does not fit in a message.
absl::StatusOr<Fd> TextAsFile(const std::string& text) {
  Fd file(::memfd_create("policy", MFD_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "memfd_create", "policy");
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", "the policy's memory");
  }
  return file;
}

absl::StatusOr<Fd> OpenProgram(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) {
    return Annotate(ErrnoStatus(errno, "open", path), "a part of moat is missing; install it anew");
  }
  return fd;
}

// The program at `path` through a read-only mount of its own: whoever gets hold of the running
// process's executable file cannot write to it, neither now nor when the process has ended
// (CVE-2019-5736 was that, with the runtime's own).
absl::StatusOr<Fd> OpenSealed(const std::string& path) {
  ASSIGN_OR_RETURN(const Fd program, OpenProgram(path, O_PATH));
  ASSIGN_OR_RETURN(Fd sealed, rootfs::CopyTreeOf(program.get(), /*recursive=*/false, path));
  RETURN_IF_ERROR(rootfs::SetAttributes(sealed.get(), {MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, 0},
                                        /*recursive=*/false, path));
  return sealed;
}

}  // namespace

Launcher::OwnedControlFile::~OwnedControlFile() {
  if (!state_dir.empty()) RemoveControl(state_dir);
}

absl::Status Launcher::Step(absl::string_view name, absl::Status (Launcher::*step)()) {
  if (observer_) RETURN_IF_ERROR(observer_(name));
  return (this->*step)();
}

absl::StatusOr<Launched> Launcher::Run() {
  RETURN_IF_ERROR(Step("check request", &Launcher::CheckRequest));
  RETURN_IF_ERROR(Step("open pids", &Launcher::OpenPids));
  RETURN_IF_ERROR(Step("open programs", &Launcher::OpenPrograms));
  RETURN_IF_ERROR(Step("make groups", &Launcher::MakeGroups));
  // All processes are started before anything waits for one of them, so that they make their
  // namespaces side by side; but a terminal is the root's, and hooks may still change the root.
  RETURN_IF_ERROR(Step("start root", &Launcher::StartRoot));
  RETURN_IF_ERROR(Step("listen", &Launcher::Listen));
  RETURN_IF_ERROR(Step("start sentry", &Launcher::StartSentryProcess));
  RETURN_IF_ERROR(Step("start gofer", &Launcher::StartGoferProcess));
  const bool has_terminal = process().terminal;
  if (!has_terminal) RETURN_IF_ERROR(Step("start init", &Launcher::StartInit));
  RETURN_IF_ERROR(Step("await root", &Launcher::AwaitRoot));
  const bool boot_early = !has_create_hooks();
  if (boot_early) {
    RETURN_IF_ERROR(Step("boot sentry", &Launcher::BootSentry));
    RETURN_IF_ERROR(Step("boot gofer", &Launcher::BootGofer));
  }
  if (has_terminal) RETURN_IF_ERROR(Step("start init", &Launcher::StartInit));
  RETURN_IF_ERROR(Step("await init", &Launcher::AwaitInit));
  RETURN_IF_ERROR(Step("mount queues", &Launcher::MountQueues));
  RETURN_IF_ERROR(Step("move network devices", &Launcher::MoveNetDevices));
  if (request_.names) RETURN_IF_ERROR(Step("start resolver", &Launcher::StartResolver));
  hooks_began_ = true;
  if (!boot_early) {
    RETURN_IF_ERROR(Step("run hooks", &Launcher::RunRuntimeHooks));
    RETURN_IF_ERROR(Step("finish root", &Launcher::FinishRoot));
    RETURN_IF_ERROR(Step("boot sentry", &Launcher::BootSentry));
    RETURN_IF_ERROR(Step("boot gofer", &Launcher::BootGofer));
  }
  RETURN_IF_ERROR(Step("await supervisors", &Launcher::AwaitSupervisors));
  RETURN_IF_ERROR(Step("install filter", &Launcher::InstallFilter));
  RETURN_IF_ERROR(Step("limit init", &Launcher::LimitInit));
  RETURN_IF_ERROR(Step("attach sentry", &Launcher::AttachSentry));
  RETURN_IF_ERROR(Step("await created", &Launcher::AwaitCreated));
  RETURN_IF_ERROR(Step("limit pids", &Launcher::LimitPids));
  // Last: what fails from here on has to leave the sentry the time to end by itself.
  RETURN_IF_ERROR(Step("tie", &Launcher::Tie));
  return Finish();
}

const spec::Resources* Launcher::resources() const {
  const auto& resources = request_.spec.linux_config.resources;
  return resources ? &*resources : nullptr;
}

absl::Status Launcher::CheckRequest() {
  if (!request_.spec.process || process().args.empty()) {
    return absl::InvalidArgumentError("process.args: there is no program to run");
  }
  RETURN_IF_ERROR(CheckFileRules(request_.policy, request_.spec, has_create_hooks()));
  ASSIGN_OR_RETURN(ids_, namespaces::IdMaps::Create(request_.spec.linux_config));
  const spec::User& user = process().user;
  if (!ids_.uid.ToHost(user.uid) || !ids_.gid.ToHost(user.gid)) {
    return absl::InvalidArgumentError("process.user: the id has no mapping");
  }
  ASSIGN_OR_RETURN(namespaces_, namespaces::NamespacePlan::Create(request_.spec));
  capabilities_ = ParseCapabilities(process().capabilities);
  ASSIGN_OR_RETURN(attributes_, attributes::ParseAttributes(request_.spec));
  return absl::OkStatus();
}

// The namespace that is joined must be the one whose owner was found: the path may lead elsewhere
// by now.
absl::Status Launcher::OpenPids() {
  const int joined = namespaces_.joined_pids();
  if (joined < 0) return absl::OkStatus();
  struct stat status;
  if (::fstat(joined, &status) < 0) return ErrnoStatus(errno, "fstat", "the pid namespace");
  const auto& owner = request_.pids_owner;
  if (!owner || status.st_dev != owner->device || status.st_ino != owner->inode) {
    return absl::FailedPreconditionError(
        "linux.namespaces (pid): it can't be joined: no running container of moat owns it");
  }
  ASSIGN_OR_RETURN(tie_, SocketPair());
  absl::StatusOr<SharedPids> pids = OpenSharedPids(joined);
  if (!pids.ok()) return Annotate(pids.status(), "linux.namespaces (pid)");
  pids_ = std::move(*pids);
  return absl::OkStatus();
}

absl::Status Launcher::OpenPrograms() {
  ASSIGN_OR_RETURN(sentry_program_, OpenSealed(request_.programs.sentry));
  ASSIGN_OR_RETURN(gofer_program_, OpenSealed(request_.programs.gofer));
  ASSIGN_OR_RETURN(loader_, OpenProgram(request_.programs.loader, O_RDONLY));
  if (!request_.names) return absl::OkStatus();
  if (request_.programs.resolver.empty()) {
    return absl::NotFoundError(
        "a part of moat is missing: moat-resolver, which egress rules by name need; install it "
        "anew");
  }
  ASSIGN_OR_RETURN(resolver_program_, OpenSealed(request_.programs.resolver));
  return absl::OkStatus();
}

absl::Status Launcher::StartScope(const cgroups::Layout& layout) {
  RETURN_IF_ERROR(cgroups::CheckSystemd(layout));
  if (request_.programs.systemd.empty()) {
    return absl::NotFoundError(
        "a part of moat is missing: moat-systemd, which asks systemd for control groups");
  }
  std::vector<std::string> properties;
  if (const spec::Resources* wanted = resources()) {
    // Before systemd is asked for anything.
    RETURN_IF_ERROR(cgroups::CheckResources(*wanted, layout));
    properties = cgroups::ScopeProperties(*wanted);
  }
  ASSIGN_OR_RETURN(const cgroups::ScopeName name,
                   cgroups::ScopeNameOf(request_.spec.linux_config.cgroups_path, request_.id,
                                        request_.make_groups));
  ASSIGN_OR_RETURN(scope_, ScopeHolder::Create(request_.programs.systemd, request_.make_groups,
                                               name, properties, layout));
  return absl::OkStatus();
}

absl::Status Launcher::MakeGroups() {
  cgroups::Layout layout;
  if (request_.make_groups != cgroups::Manager::kNone) {
    ASSIGN_OR_RETURN(layout, cgroups::DetectLayout());
  }
  cgroups::GroupsConfig config = {.id = request_.id,
                                  .owner = request_.state_dir,
                                  .path = request_.spec.linux_config.cgroups_path,
                                  .resources = resources(),
                                  .names = request_.names ? &*request_.names : nullptr};
  if (request_.policy != nullptr) {
    config.egress = request_.policy->egress();
    config.listen = request_.policy->listen();
    config.devices = request_.policy->devices();
  }
  if (cgroups::IsSystemd(request_.make_groups)) {
    RETURN_IF_ERROR(StartScope(layout));
    config.path = scope_->workload();
  }
  if (request_.on_groups) {
    ASSIGN_OR_RETURN(const auto planned, cgroups::Groups::Plan(layout, config));
    RETURN_IF_ERROR(request_.on_groups(GroupsAre::kPlanned, planned));
  }
  ASSIGN_OR_RETURN(groups_.groups, cgroups::Groups::Create(layout, config));
  if (!request_.on_groups) return absl::OkStatus();
  return request_.on_groups(GroupsAre::kMade, groups_.groups.paths());
}

absl::Status Launcher::StartRoot() {
  ASSIGN_OR_RETURN(building_,
                   rootfs::StartRoot({.spec = request_.spec,
                                      .ids = ids_,
                                      .bundle = request_.bundle,
                                      .staging = request_.state_dir,
                                      .plan = request_.root_plan ? &*request_.root_plan : nullptr,
                                      .policy = request_.policy,
                                      .unfinished = has_create_hooks()}));
  return absl::OkStatus();
}

absl::Status Launcher::AwaitRoot() {
  ASSIGN_OR_RETURN(root_, rootfs::TakeRoot(building_));
  return absl::OkStatus();
}

absl::Status Launcher::Listen() {
  ASSIGN_OR_RETURN(listen_, ListenControl(request_.state_dir));
  control_file_.state_dir = request_.state_dir;
  return absl::OkStatus();
}

Placement Launcher::SupervisorPlacement() {
  return [this](pid_t pid) { return groups_.groups.JoinSupervisor(pid); };
}

absl::Status Launcher::StartSentryProcess() {
  ASSIGN_OR_RETURN(sentry_,
                   StartSentry(sentry_program_.get(), ids_, pids_ ? pids_->supervisors.get() : -1,
                               request_.die_with_parent, SupervisorPlacement()));
  // It looks for our end at its gate, of which the children that come now have copies.
  if (request_.die_with_parent) RETURN_IF_ERROR(AwaitExecution(sentry_.gate, kSentry));
  scope_.reset();  // it has the sentry now
  ASSIGN_OR_RETURN(service_, SocketPair());
  ASSIGN_OR_RETURN(init_socket_, SocketPair());
  ASSIGN_OR_RETURN(setup_socket_, SocketPair());
  if (request_.names) {
    ASSIGN_OR_RETURN(resolver_link_, SocketPair());
  }
  return absl::OkStatus();
}

// What the container's own is to be called without a word in the config.
absl::StatusOr<std::string> Launcher::Hostname() const {
  if (namespaces_.joins_foreign(CLONE_NEWUTS)) return namespaces::InheritedHostname(namespaces_);
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, HOST_NAME_MAX) < 0) return ErrnoStatus(errno, "gethostname", "");
  return std::string(name);
}

absl::Status Launcher::BootSentry() {
  std::string hostname = request_.spec.hostname;
  if (hostname.empty()) {
    ASSIGN_OR_RETURN(hostname, Hostname());
  }
  json fields = {{"id", request_.id},
                 {"trace", request_.trace},
                 {"audit_all", request_.audit_all},
                 {"cookie", absl::StrFormat("%016x", filter_.cookie)},
                 {"tree", TreeValues(request_.spec, hostname, root_.mount_table)}};
  NamedFds fds = {{"gofer", service_.first.get()},
                  {"log", request_.log_fd},
                  {"init", init_socket_.first.get()},
                  {"listen", listen_.get()},
                  {"loader", loader_.get()}};
  if (request_.trace) {
    fds.emplace_back("trace", request_.trace_fd >= 0 ? request_.trace_fd : request_.log_fd);
  }
  if (request_.audit_fd >= 0) fds.emplace_back("audit", request_.audit_fd);
  if (pids_) {
    fds.emplace_back("tie", tie_.first.get());
    fds.emplace_back("proc_a", pids_->proc_a.get());
  }
  if (request_.names) fds.emplace_back("resolver", resolver_link_.first.get());
  ASSIGN_OR_RETURN(const Fd policy, TextAsFile(filter_.policy));
  fds.emplace_back("policy", policy.get());
  const auto group_fds = groups_.groups.OpenForSentry();
  for (const auto& [name, fd] : group_fds) fds.emplace_back(name, fd.get());
  RETURN_IF_ERROR(Annotate(Send(sentry_.control.get(), "boot", std::move(fields), fds), kSentry));
  service_.first.Reset();
  tie_.first.Reset();
  resolver_link_.first.Reset();
  init_socket_.first.Reset();
  listen_.Reset();
  return absl::OkStatus();
}

absl::Status Launcher::StartGoferProcess() {
  ASSIGN_OR_RETURN(
      gofer_, StartGofer(gofer_program_.get(), sentry_.pid_namespace.get(), SupervisorPlacement()));
  return absl::OkStatus();
}

absl::Status Launcher::BootGofer() {
  const uint64_t keep = capabilities_.bounding | capabilities_.permitted | capabilities_.ambient;
  RETURN_IF_ERROR(
      Annotate(Send(gofer_.boot.get(), "boot",
                    {{"keep_capabilities", keep}, {"stable_mounts", !MountsMayCome(request_.spec)}},
                    {{"user_namespace", sentry_.user_namespace.get()},
                     {"mount_namespace", root_.mount_namespace.get()},
                     {"net_namespace", sentry_.net_namespace.get()},
                     {"service", service_.second.get()},
                     {"log", request_.log_fd}}),
               kGofer));
  service_.second.Reset();
  return absl::OkStatus();
}

// Once the container's network is there. From here on the resolver is the sentry's: it ends with
// it, and nobody else waits for it.
absl::Status Launcher::StartResolver() {
  ASSIGN_OR_RETURN(const Fd questions,
                   resolv::OpenQuestions(init_.pidfd(), request_.names->resolver));
  ASSIGN_OR_RETURN(resolver_boot_,
                   launch::StartResolver(resolver_program_.get(), sentry_.pid_namespace.get(),
                                         SupervisorPlacement()));
  ASSIGN_OR_RETURN(const Fd policy, TextAsFile(filter_.policy));
  const Fd map = groups_.groups.TakeNameMap();
  json servers = json::array();
  for (const policies::EndPoint& server : request_.names->servers) {
    servers.push_back(policies::EndPointText(server));
  }
  RETURN_IF_ERROR(Annotate(Send(resolver_boot_.get(), "boot", {{"servers", std::move(servers)}},
                                {{"user_namespace", sentry_.user_namespace.get()},
                                 {"questions", questions.get()},
                                 {"sentry", resolver_link_.second.get()},
                                 {"map", map.get()},
                                 {"policy", policy.get()},
                                 {"log", request_.log_fd}}),
                           kResolver));
  resolver_link_.second.Reset();
  return absl::OkStatus();
}

absl::Status Launcher::StartInit() {
  const InitConfig config = {.spec = request_.spec,
                             .ids = ids_,
                             .namespaces = namespaces_,
                             .capabilities = capabilities_,
                             .attributes = attributes_,
                             .filter = filter_.program,
                             .profile = filter_.profile,
                             .container = {request_.id, request_.bundle, request_.spec.annotations},
                             .observer = observer_,
                             .stdio = request_.stdio,
                             .preserve_fds = request_.preserve_fds,
                             .cwd_option = request_.cwd_option,
                             .terminal = root_.terminal.slave.get(),
                             .outer_user = sentry_.user_namespace.get(),
                             .proc = pids_ ? pids_->proc_b.get() : -1,
                             .setup_socket = setup_socket_.second.get(),
                             .init_socket = init_socket_.second.get()};
  ASSIGN_OR_RETURN(auto go, SocketPair());
  {
    ASSIGN_OR_RETURN(const auto inside,
                     PidNamespaceForChildren::Enter(sentry_.pid_namespace.get()));
    ASSIGN_OR_RETURN(init_parent_, Process::Clone(0, [this, &config, &go] {
                       go.first.Reset();
                       setup_socket_.first.Reset();
                       RunInitParent(config, go.second.get());
                     }));
  }
  setup_socket_.second.Reset();
  RETURN_IF_ERROR(groups_.groups.JoinWorkload(init_parent_.pid()));
  if (::write(go.first.get(), "g", 1) != 1) return ErrnoStatus(errno, "write", "go");
  return absl::OkStatus();
}

absl::Status Launcher::AwaitInit() {
  const int setup = setup_socket_.first.get();
  ASSIGN_OR_RETURN(Received born, Expect(setup, kInit, "born"));
  ASSIGN_OR_RETURN(Fd pidfd, born.Take("init_pidfd"));
  ASSIGN_OR_RETURN(const pid_t pid, PidOf(pidfd.get()));
  init_ = Process(pid, std::move(pidfd));
  ASSIGN_OR_RETURN(Received prepared, Expect(setup, kInit, "prepared"));
  RETURN_IF_ERROR(init_parent_.WaitForSuccess("the parent of the container's init"));
  ASSIGN_OR_RETURN(stub_, prepared.Take("stub"));
  ASSIGN_OR_RETURN(proc_b_, prepared.Take("proc_b"));
  ASSIGN_OR_RETURN(pid_namespace_b_, prepared.Take("pid_namespace_b"));
  ASSIGN_OR_RETURN(ipc_namespace_, prepared.Take("ipc_namespace"));
  return absl::OkStatus();
}

absl::Status Launcher::MoveNetDevices() {
  const auto& devices = request_.spec.linux_config.net_devices;
  if (devices.empty()) return absl::OkStatus();
  const std::string path = absl::StrCat("/proc/", init_.pid(), "/ns/net");
  const Fd network(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!network) return ErrnoStatus(errno, "open", path);
  return namespaces::MoveNetDevices(devices, network.get());
}

// Hooks are to find them; else they are waited for with the supervisors.
absl::Status Launcher::MountQueues() {
  if (root_.queues.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(queues_, rootfs::StartQueues(root_, ipc_namespace_.get()));
  return has_create_hooks() ? AwaitQueues() : absl::OkStatus();
}

absl::Status Launcher::AwaitQueues() {
  if (!queues_) return absl::OkStatus();
  const absl::Status status = queues_->Finish().status();
  queues_.reset();
  return status;
}

bool Launcher::has_create_hooks() const {
  const spec::Hooks& hooks = request_.spec.hooks;
  return !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
         !hooks.create_container.empty();
}

hooks::HookSurroundings Launcher::SurroundingsOfHooks(absl::string_view status, pid_t pid) const {
  const hooks::HookContainer container = {request_.id, request_.bundle, request_.spec.annotations};
  return {hooks::HookState(container, status, pid), request_.bundle, hooks::OwnEnvironment()};
}

absl::Status Launcher::RunRuntimeHooks() {
  const auto surroundings = SurroundingsOfHooks("creating", init_.pid());
  const spec::Hooks& hooks = request_.spec.hooks;
  RETURN_IF_ERROR(hooks::RunHooks("hooks.prestart", hooks.prestart, surroundings));
  return hooks::RunHooks("hooks.createRuntime", hooks.create_runtime, surroundings);
}

// The init's namespaces but for user and pid: those are what keeps host and workload apart, and a
// process with the caller's privileges has no place in them.
absl::Status Launcher::JoinInitAndRunHooks() const {
  const spec::Hooks& hooks = request_.spec.hooks;
  if (hooks.create_container.empty()) return absl::OkStatus();
  constexpr int kJoined = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  ASSIGN_OR_RETURN(const int differing, DifferingNamespaces(init_.pidfd()));
  if ((differing & kJoined) != 0 && ::setns(init_.pidfd(), differing & kJoined) < 0) {
    return ErrnoStatus(errno, "setns", kInit);
  }
  return hooks::RunHooks("hooks.createContainer", hooks.create_container,
                         SurroundingsOfHooks("creating", init_.pid()));
}

absl::Status Launcher::FinishRoot() {
  return rootfs::FinishRoot(request_.spec, root_, [this] { return JoinInitAndRunHooks(); });
}

absl::Status Launcher::AwaitSupervisors() {
  RETURN_IF_ERROR(AwaitQueues());
  RETURN_IF_ERROR(AwaitExecution(gofer_.gate, kGofer));
  RETURN_IF_ERROR(AwaitExecution(sentry_.gate, kSentry));
  RETURN_IF_ERROR(Expect(gofer_.boot.get(), kGofer, "ready").status());
  if (request_.names) {
    RETURN_IF_ERROR(Expect(resolver_boot_.get(), kResolver, "ready").status());
    resolver_boot_.Reset();
  }
  return Expect(sentry_.control.get(), kSentry, "ready").status();
}

absl::Status Launcher::InstallFilter() {
  const int setup = setup_socket_.first.get();
  RETURN_IF_ERROR(Send(setup, "filter"));
  ASSIGN_OR_RETURN(const Received filtered, Expect(setup, kInit, "filtered"));
  ASSIGN_OR_RETURN(listener_, TakeListener(filtered, init_.pidfd()));
  return absl::OkStatus();
}

absl::Status Launcher::LimitInit() {
  RETURN_IF_ERROR(attributes::ApplyFromOutside(attributes_, init_.pid()));
  return LimitProcess(init_.pid(), process());
}

absl::Status Launcher::AttachSentry() {
  RETURN_IF_ERROR(Send(init_socket_.second.get(), "attach", json::object(),
                       {{"listener", listener_.get()},
                        {"stub", stub_.get()},
                        {"proc_b", proc_b_.get()},
                        {"pid_namespace_b", pid_namespace_b_.get()},
                        {"init_pidfd", init_.pidfd()}}));
  listener_.Reset();
  // Ours would keep the sentry from seeing that the init closed its own by an execve.
  init_socket_.second.Reset();
  return absl::OkStatus();
}

absl::Status Launcher::AwaitCreated() {
  const absl::Status status = Expect(sentry_.control.get(), kSentry, "created").status();
  if (status.ok()) return status;
  const int setup = setup_socket_.first.get();
  pollfd said = {setup, POLLIN, 0};
  if (::poll(&said, 1, 0) != 1) return status;
  const absl::Status of_init = Expect(setup, kInit, "created").status();
  return IsCommandFault(of_init) ? of_init : status;
}

absl::Status Launcher::LimitPids() { return groups_.groups.ApplyPidsLimit(resources()); }

absl::Status Launcher::Tie() {
  if (!pids_) return absl::OkStatus();
  RETURN_IF_ERROR(TieTo(request_.pids_owner->state_dir, tie_.second.get()));
  tie_.second.Reset();
  return absl::OkStatus();
}

absl::StatusOr<Launched> Launcher::Finish() {
  Launched launched;
  launched.shares_pids = pids_.has_value();
  launched.init_pid = init_.pid();
  launched.init_pidfd = init_.Release();
  launched.sentry_pidfd = sentry_.process.Release();
  launched.gofer_pidfd = gofer_.process.Release();
  launched.control = std::move(sentry_.control);
  launched.terminal_master = std::move(root_.terminal.master);
  for (rootfs::UpperLayer& upper : root_.uppers) {
    launched.uppers.push_back({upper.destination, std::move(upper.directory)});
  }
  launched.groups = std::exchange(groups_.groups, cgroups::Groups());
  control_file_.state_dir.clear();
  return launched;
}

}  // namespace moat::launch
