#include "runtime/launch/container_init.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fd_message.h"
#include "base/landlock.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/reset_signals.h"
#include "base/status.h"
#include "platform/seccomp_notify/install_filter.h"
#include "runtime/hooks/run_hooks.h"
#include "runtime/launch/descriptors.h"
#include "runtime/launch/empty_root.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/message.h"
#include "runtime/launch/native_message.h"
#include "runtime/launch/own_arguments_unsafe.h"
#include "runtime/launch/program.h"
#include "runtime/namespaces/own_names.h"
#include "runtime/namespaces/sysctl.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::launch {
namespace {

// Tells the sentry and leaves it the time to pass it on: it ends with its last task, which is us.
[[noreturn]] void FailAndExit(int init, const absl::Status& status, int exit_code) {
  constexpr int kPatience = 1000;  // milliseconds; whoever asked for the start kills us earlier
  WriteMessage(init, "failed", ErrorFields(status)).IgnoreError();
  pollfd closed = {init, POLLIN, 0};
  ::poll(&closed, 1, kPatience);
  ::_exit(exit_code);
}

// ---- C2 ----

class Init {
 public:
  explicit Init(const InitConfig& config) : config_(config) {}

  [[noreturn]] void Run();

 private:
  absl::Status Prepare();
  absl::Status BecomeRoot();
  absl::StatusOr<Fd> OpenProc() const;
  absl::Status SetUpNamespaces();
  absl::Status TakeDescriptors();
  absl::Status SendPrepared();
  absl::Status Filter();
  absl::Status Finish();
  [[noreturn]] void WaitAndExecute();

  absl::Status Step(absl::string_view name, absl::Status (Init::*step)()) {
    if (config_.observer) RETURN_IF_ERROR(config_.observer(name));
    return Annotate((this->*step)(), absl::StrCat("init: ", name));
  }

  const InitConfig& config_;
  int setup_ = config_.setup_socket;
  int init_ = config_.init_socket;
  Fd stub_, proc_, pid_namespace_, ipc_namespace_;
  std::string program_;
  std::vector<std::string> environment_;
};

absl::Status Init::BecomeRoot() {
  RETURN_IF_ERROR(DropGroups());
  if (::setresgid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresgid", "0");
  if (::setresuid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresuid", "0");
  return absl::OkStatus();
}

// In a pid namespace that is another container's none can be mounted from here, and that container
// sees this process.
absl::StatusOr<Fd> Init::OpenProc() const {
  if (config_.proc < 0) return MountOwnProc();
  RETURN_IF_ERROR(EraseArguments());
  Fd proc(::fcntl(config_.proc, F_DUPFD_CLOEXEC, 0));
  if (!proc) return ErrnoStatus(errno, "fcntl", "F_DUPFD_CLOEXEC");
  return proc;
}

absl::Status Init::SetUpNamespaces() {
  ASSIGN_OR_RETURN(proc_, OpenProc());
  pid_namespace_.Reset(::openat(proc_.get(), "self/ns/pid", O_RDONLY | O_CLOEXEC));
  ipc_namespace_.Reset(::openat(proc_.get(), "self/ns/ipc", O_RDONLY | O_CLOEXEC));
  if (!pid_namespace_ || !ipc_namespace_) return ErrnoStatus(errno, "openat", "ns/pid, ns/ipc");
  const namespaces::NamespacePlan& plan = config_.namespaces;
  if (plan.creates(CLONE_NEWUTS)) {
    RETURN_IF_ERROR(namespaces::SetNames(config_.spec.hostname, config_.spec.domainname));
  }
  if (plan.creates(CLONE_NEWNET)) RETURN_IF_ERROR(namespaces::SetLoopbackUp());
  ASSIGN_OR_RETURN(const auto sysctls,
                   namespaces::SysctlsOf(config_.spec.linux_config.sysctl, [&plan](int flag) {
                     return plan.creates(static_cast<uint64_t>(flag));
                   }));
  RETURN_IF_ERROR(namespaces::WriteSysctls(sysctls, proc_.get()));
  RETURN_IF_ERROR(attributes::ApplyToSelf(config_.attributes, proc_.get()));
  const auto& process = config_.spec.process;
  ASSIGN_OR_RETURN(stub_, EnterEmptyRoot(process && !process->no_new_privileges));
  return absl::OkStatus();
}

absl::Status Init::TakeDescriptors() {
  RETURN_IF_ERROR(TakeStdio(config_.stdio, config_.terminal));
  RETURN_IF_ERROR(StartSession(config_.terminal >= 0));
  int stub = stub_.Release(), proc = proc_.Release();
  int pid_namespace = pid_namespace_.Release(), ipc_namespace = ipc_namespace_.Release();
  RETURN_IF_ERROR(KeepDescriptors(config_.preserve_fds,
                                  {&setup_, &init_, &stub, &proc, &pid_namespace, &ipc_namespace}));
  stub_.Reset(stub);
  proc_.Reset(proc);
  pid_namespace_.Reset(pid_namespace);
  ipc_namespace_.Reset(ipc_namespace);
  return absl::OkStatus();
}

absl::Status Init::SendPrepared() {
  RETURN_IF_ERROR(Send(setup_, "prepared", nlohmann::json::object(),
                       {{"stub", stub_.get()},
                        {"proc_b", proc_.get()},
                        {"pid_namespace_b", pid_namespace_.get()},
                        {"ipc_namespace", ipc_namespace_.get()}}));
  stub_.Reset();
  proc_.Reset();
  pid_namespace_.Reset();
  ipc_namespace_.Reset();
  return ExpectType(setup_, "filter");
}

absl::Status Init::Filter() {
  if (config_.spec.process->no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_SET_NO_NEW_PRIVS");
  }
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "dumpable");
  // No mount is made and no file of moat's is opened after this.
  RETURN_IF_ERROR(GiveUpChangingNames());
  Result<Fd> listener = platform::seccomp_notify::InstallFilter(config_.filter);
  if (!listener.ok()) return ErrnoStatus(listener.error().value(), "seccomp", "the filter");
  RETURN_IF_ERROR(WriteMessage(setup_, "filtered", {{"listener", listener->get()}}));
  return ExpectType(init_, "attached");
}

// From here on the sentry answers.
absl::Status Init::Finish() {
  const spec::Process& process = *config_.spec.process;
  const bool make_cwd = config_.cwd_option.empty();
  if (make_cwd) RETURN_IF_ERROR(MakeWorkingDirectory(process.cwd));
  // As late as it may be done: without no_new_privs it takes a capability, as in runc.
  if (!process.no_new_privileges) RETURN_IF_ERROR(seccomp::InstallProfile(config_.profile));
  RETURN_IF_ERROR(TakeIdentity(process.user, config_.capabilities, /*dumpable=*/true));
  if (::chdir(process.cwd.c_str()) < 0) {
    return ErrnoStatus(
        errno, "chdir",
        absl::StrCat(make_cwd ? "process.cwd" : config_.cwd_option, " ", process.cwd));
  }
  ASSIGN_OR_RETURN(program_, FindProgram(process));
  environment_ = MakeEnvironment(process);
  return process.no_new_privileges ? seccomp::InstallProfile(config_.profile) : absl::OkStatus();
}

absl::Status Init::Prepare() {
  RETURN_IF_ERROR(Step("become root", &Init::BecomeRoot));
  RETURN_IF_ERROR(Step("set up namespaces", &Init::SetUpNamespaces));
  RETURN_IF_ERROR(Step("take descriptors", &Init::TakeDescriptors));
  RETURN_IF_ERROR(Step("send prepared", &Init::SendPrepared));
  return Step("install filter", &Init::Filter);
}

void Init::WaitAndExecute() {
  constexpr int kNotFound = 127, kNotExecutable = 126;  // as a shell says
  if (!ExpectType(init_, "start").ok()) ::_exit(1);
  // As the container's user, under its filters: they are the container's own programs.
  const absl::Status hooked = hooks::RunHooks(
      "hooks.startContainer", config_.spec.hooks.start_container,
      {hooks::HookState(config_.container, "created", ::getpid()), "", environment_});
  if (!hooked.ok()) FailAndExit(init_, hooked, 1);
  std::vector<std::string> arguments = config_.spec.process->args;
  ResetSignals();
  ::execve(program_.c_str(), Pointers(arguments).data(), Pointers(environment_).data());
  const int error = errno;
  const absl::Status failed =
      ErrnoStatus(error, "execve", absl::StrCat("process.args[0] ", program_));
  FailAndExit(init_, failed, error == ENOENT ? kNotFound : kNotExecutable);
}

void Init::Run() {
  if (absl::Status status = Prepare(); !status.ok()) {
    WriteMessage(setup_, "error", ErrorFields(status)).IgnoreError();
    ::_exit(1);
  }
  absl::Status status = config_.observer ? config_.observer("finish") : absl::OkStatus();
  if (status.ok()) status = Finish();
  if (!status.ok()) {
    // First to moat, to which the sentry passes on less.
    WriteMessage(setup_, "error", ErrorFields(status)).IgnoreError();
    FailAndExit(init_, status, 1);
  }
  ::close(setup_);
  if (!WriteMessage(init_, "created", nlohmann::json::object()).ok()) ::_exit(1);
  WaitAndExecute();
}

// ---- C1 ----

// Becomes A's root for what is made from here on (B's owner must have an id in A), but keeps the
// own file system uid: the map files of an undumpable process belong to the host's root (proc(5)).
absl::Status TakeOwnersIds(const namespaces::IdMaps& ids) {
  if (ids.uid.identity() && ids.gid.identity()) return absl::OkStatus();
  const uid_t own = ::geteuid();
  const uid_t uid = *ids.uid.ToHost(0);
  const gid_t gid = *ids.gid.ToHost(0);
  if (::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_SET_SECUREBITS");
  }
  RETURN_IF_ERROR(DropGroups());
  if (::setresgid(gid, gid, gid) < 0) return ErrnoStatus(errno, "setresgid", absl::StrCat(gid));
  if (::setresuid(uid, uid, uid) < 0) return ErrnoStatus(errno, "setresuid", absl::StrCat(uid));
  ::setfsuid(own);
  return absl::OkStatus();
}

absl::Status WriteInnerMaps(int pidfd, const namespaces::IdMaps& ids) {
  ASSIGN_OR_RETURN(const pid_t pid, PidOf(pidfd));
  const std::string directory = absl::StrCat("/proc/", pid);
  RETURN_IF_ERROR(WriteFile(directory + "/uid_map", ids.uid.InnerText()));
  return WriteFile(directory + "/gid_map", ids.gid.InnerText());
}

// Securebits go back to normal with the new user namespace (user_namespaces(7)).
absl::StatusOr<Process> CloneInit(const InitConfig& config, std::pair<Fd, Fd>& go) {
  const uint64_t own_pids = config.proc < 0 ? CLONE_NEWPID : 0;
  const uint64_t flags =
      CLONE_PARENT | CLONE_NEWUSER | CLONE_NEWNS | own_pids | config.namespaces.create;
  return Process::Clone(flags, [&config, &go] {
    go.first.Reset();
    if (!WaitForGo(go.second.get())) ::_exit(1);
    Init(config).Run();
  });
}

absl::Status MakeInit(const InitConfig& config) {
  // Nobody in A may look into a process that still has the host before its eyes.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "dumpable");
  RETURN_IF_ERROR(namespaces::JoinNamespaces(config.namespaces));
  RETURN_IF_ERROR(namespaces::ConfigureJoined(config.spec, config.namespaces));
  RETURN_IF_ERROR(TakeOwnersIds(config.ids));
  if (::setns(config.outer_user, CLONE_NEWUSER) < 0) {
    return ErrnoStatus(errno, "setns", "user namespace A");
  }
  if (config.namespaces.new_time) {
    RETURN_IF_ERROR(namespaces::MakeTimeNamespace(config.spec.linux_config));
  }
  ASSIGN_OR_RETURN(auto go, SocketPair());
  ASSIGN_OR_RETURN(Process init, CloneInit(config, go));
  const Fd pidfd = init.Release();  // our sibling, not our child: moat reaps it
  RETURN_IF_ERROR(
      Send(config.setup_socket, "born", nlohmann::json::object(), {{"init_pidfd", pidfd.get()}}));
  RETURN_IF_ERROR(WriteInnerMaps(pidfd.get(), config.ids));
  if (::write(go.first.get(), "g", 1) != 1) return ErrnoStatus(errno, "write", "go");
  return absl::OkStatus();
}

}  // namespace

void RunInitParent(const InitConfig& config, int go) {
  const int entered = config.groups.Enter();
  if (!WaitForGo(go)) ::_exit(1);
  absl::Status status =
      entered == 0 ? absl::OkStatus() : ErrnoStatus(entered, "enter", "the control groups");
  if (status.ok() && config.observer) status = config.observer("make init");
  if (status.ok()) status = MakeInit(config);
  if (status.ok()) ::_exit(0);
  Send(config.setup_socket, "error", ErrorFields(status)).IgnoreError();
  ::_exit(1);
}

}  // namespace moat::launch
