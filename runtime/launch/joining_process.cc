#include "runtime/launch/joining_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/landlock.h"
#include "base/reset_signals.h"
#include "base/status.h"
#include "platform/loader/plan.h"
#include "platform/seccomp_notify/install_filter.h"
#include "runtime/launch/descriptors.h"
#include "runtime/launch/identity.h"
#include "runtime/launch/message.h"
#include "runtime/launch/native_message.h"
#include "runtime/launch/own_arguments_unsafe.h"
#include "runtime/launch/process.h"
#include "runtime/launch/program.h"

namespace moat::launch {
namespace {

[[noreturn]] void ReportAndExit(int setup, const absl::Status& status) {
  WriteMessage(setup, "error", ErrorFields(status)).IgnoreError();
  ::_exit(1);
}

// ---- X ----

class Joining {
 public:
  Joining(const JoinConfig& config, int setup) : config_(config), setup_(setup) {}

  [[noreturn]] void Run() {
    absl::Status status = Prepare();
    if (status.ok()) status = Execute();
    ReportAndExit(setup_, status);
  }

 private:
  absl::Status Prepare();
  absl::Status BecomeRoot();
  absl::Status Filter();
  // Returns only when it failed.
  absl::Status Execute();

  const JoinConfig& config_;
  const int setup_;
  Fd stub_;
};

absl::Status Joining::Prepare() {
  RETURN_IF_ERROR(BecomeRoot());
  RETURN_IF_ERROR(StartSession(config_.terminal >= 0));
  stub_.Reset(::open(absl::StrCat("/", loader::kStubName).c_str(), O_PATH | O_CLOEXEC));
  if (!stub_) return ErrnoStatus(errno, "open", "the stub in the container's empty root");
  RETURN_IF_ERROR(ExpectType(setup_, "filter"));
  return Filter();
}

absl::Status Joining::BecomeRoot() {
  RETURN_IF_ERROR(DropGroups());
  if (::setresgid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresgid", "0");
  if (::setresuid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresuid", "0");
  // A change of ids may have made it what fs.suid_dumpable says.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "dumpable");
  return absl::OkStatus();
}

absl::Status Joining::Filter() {
  if (config_.process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return ErrnoStatus(errno, "prctl", "PR_SET_NO_NEW_PRIVS");
  }
  RETURN_IF_ERROR(GiveUpChangingNames());
  Result<Fd> listener = platform::seccomp_notify::InstallFilter(config_.filter.program);
  if (!listener.ok()) return ErrnoStatus(listener.error().value(), "seccomp", "the filter");
  RETURN_IF_ERROR(WriteMessage(setup_, "filtered", {{"listener", listener->get()}}));
  return ExpectType(setup_, "joined");  // moat has a copy of the listener by then
}

absl::Status Joining::Execute() {
  const bool no_new_privileges = config_.process.no_new_privileges;
  // As for init: without no_new_privs it takes a capability.
  if (!no_new_privileges) RETURN_IF_ERROR(seccomp::InstallProfile(config_.filter.profile));
  RETURN_IF_ERROR(TakeIdentity(config_.process.user, config_.capabilities, /*dumpable=*/false));
  if (no_new_privileges) RETURN_IF_ERROR(seccomp::InstallProfile(config_.filter.profile));
  std::vector<std::string> arguments = config_.process.args;
  std::vector<std::string> environment = config_.environment;
  ResetSignals();
  ::syscall(SYS_execveat, stub_.get(), "", Pointers(arguments).data(), Pointers(environment).data(),
            AT_EMPTY_PATH, config_.filter.cookie);
  return CannotExecute(config_.process.args.front(), errno);
}

// ---- J ----

absl::Status MakeJoining(const JoinConfig& config, int& setup) {
  // Nobody in the container may look into this process or its children.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "dumpable");
  RETURN_IF_ERROR(EraseArguments());
  const Fd procfs(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!procfs) return ErrnoStatus(errno, "open", "/proc");
  RETURN_IF_ERROR(attributes::ApplyToSelf(config.attributes, procfs.get()));
  int init = config.init_pidfd;
  RETURN_IF_ERROR(TakeStdio(config.stdio, config.terminal));
  RETURN_IF_ERROR(KeepDescriptors(config.preserve_fds, {&setup, &init}));
  // All at once, and for the pid namespace the children's; takes the root and the directory of the
  // mount namespace, too (setns(2)).
  if (::setns(init, config.namespaces) < 0) {
    return ErrnoStatus(errno, "setns", "the namespaces of the container's init");
  }
  ::close(init);
  ASSIGN_OR_RETURN(Process joining, Process::Clone(CLONE_PARENT, [&config, setup] {
                     Joining(config, setup).Run();
                   }));
  const Fd pidfd = joining.Release();  // our sibling, not our child: moat reaps it
  return Send(setup, "born", nlohmann::json::object(), {{"pidfd", pidfd.get()}});
}

// The process inherits its place and its processors. Entering a control group may widen them again.
absl::Status EnterGroups(const JoinConfig& config) {
  RETURN_IF_ERROR(
      attributes::SetCpus(0, config.attributes.initial_cpus, "process.execCPUAffinity.initial"));
  if (const int error = config.groups.Enter(); error != 0) {
    return ErrnoStatus(error, "enter", "the control groups");
  }
  return attributes::SetCpus(0, config.attributes.final_cpus, "process.execCPUAffinity.final");
}

}  // namespace

void RunJoiner(const JoinConfig& config, int go) {
  absl::Status status = EnterGroups(config);
  if (!WaitForGo(go)) ::_exit(1);
  int setup = config.setup_socket;
  if (status.ok()) status = MakeJoining(config, setup);
  if (status.ok()) ::_exit(0);
  ReportAndExit(setup, status);
}

}  // namespace moat::launch
