#include "runtime/launch/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fd_message.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/launch/control.h"
#include "runtime/launch/later_mounts.h"
#include "runtime/launch/limits.h"
#include "runtime/launch/message.h"
#include "runtime/namespaces/net_devices.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::launch {
namespace {

using nlohmann::json;

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

absl::Status Launcher::StartSentryProcess() {
  ASSIGN_OR_RETURN(const cgroups::Entrance groups, groups_.groups.ForSupervisor());
  ASSIGN_OR_RETURN(sentry_,
                   StartSentry(sentry_program_.get(), ids_, pids_ ? pids_->supervisors.get() : -1,
                               request_.die_with_parent, groups));
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

absl::Status Launcher::StartGoferProcess() {
  ASSIGN_OR_RETURN(const cgroups::Entrance groups, groups_.groups.ForSupervisor());
  ASSIGN_OR_RETURN(gofer_, StartGofer(gofer_program_.get(), sentry_.pid_namespace.get(), groups));
  return absl::OkStatus();
}

absl::Status Launcher::StartInit() {
  ASSIGN_OR_RETURN(const cgroups::Entrance groups, groups_.groups.ForWorkload());
  const InitConfig config = {.spec = request_.spec,
                             .ids = ids_,
                             .namespaces = namespaces_,
                             .capabilities = capabilities_,
                             .attributes = attributes_,
                             .filter = filter_.program,
                             .profile = filter_.profile,
                             .container = {request_.id, request_.bundle, request_.spec.annotations},
                             .groups = groups,
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
    ASSIGN_OR_RETURN(init_parent_, Process::CloneInto(groups, 0, [this, &config, &go] {
                       go.first.Reset();
                       setup_socket_.first.Reset();
                       RunInitParent(config, go.second.get());
                     }));
  }
  setup_socket_.second.Reset();
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
