#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cgroups/groups.h"
#include "runtime/cgroups/sub_groups.h"
#include "runtime/cli/command.h"
#include "runtime/cli/console_socket.h"
#include "runtime/cli/container.h"
#include "runtime/cli/exec_flags.h"
#include "runtime/cli/own_namespace.h"
#include "runtime/cli/state_json.h"
#include "runtime/foreground/supervisor.h"
#include "runtime/launch/exec.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/policy/choose.h"

namespace moat::cli {
namespace {

constexpr int kExecFailed = 255;  // as runc

absl::Status CheckTerminal(const ExecFlags& flags, bool terminal) {
  if (flags.detach && terminal && flags.console_socket.empty()) {
    return absl::InvalidArgumentError(
        "the process has a terminal and nobody would show it: give --console-socket, or leave out "
        "--detach");
  }
  if (!flags.console_socket.empty() && (!flags.detach || !terminal)) {
    return absl::InvalidArgumentError(
        "--console-socket is for a detached process with a terminal: give --detach and --tty");
  }
  return absl::OkStatus();
}

// The command sees the size of our terminal from its first instruction on.
void TakeWindowSize(spec::Process& process) {
  winsize size;
  if (!process.terminal || ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return;
  process.console_size = spec::Box{.height = size.ws_row, .width = size.ws_col};
}

absl::Status CheckRuns(const state::Record& record, const ExecFlags& flags) {
  const state::Status status = StatusNow(record);
  if (status == state::Status::kCreated || status == state::Status::kRunning) {
    return absl::OkStatus();
  }
  if (status == state::Status::kPaused) {
    if (flags.ignore_paused) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("cannot exec in a paused container: `moat resume ", record.id,
                     "` first, or give --ignore-paused"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("cannot exec in a ", state::StatusName(status),
                   " container: container not running: ", record.id));
}

absl::StatusOr<Fd> OpenPart(const state::Record& record, const state::ProcessRef& process) {
  auto pidfd = state::OpenProcess(process);
  if (pidfd.ok()) return pidfd;
  return absl::FailedPreconditionError(absl::StrCat("container not running: ", record.id));
}

absl::StatusOr<launch::Executed> ExecIn(const state::Store& store, const state::Record& record,
                                        const spec::Spec& config, const policies::Policy& policy,
                                        const ExecFlags& flags) {
  ASSIGN_OR_RETURN(const auto ids, namespaces::IdMaps::Create(config.linux_config));
  const auto groups = cgroups::Groups::FromPaths(record.cgroup_paths, store.Directory(record.id));
  ASSIGN_OR_RETURN(const auto sub_groups, cgroups::ParseSubGroups(flags.cgroups));
  ASSIGN_OR_RETURN(const Fd init, OpenPart(record, record.init));
  ASSIGN_OR_RETURN(const Fd gofer, OpenPart(record, record.gofer));
  auto executed = launch::Exec({.spec = config,
                                .ids = ids,
                                .groups = groups,
                                .sub_groups = sub_groups,
                                .state_dir = store.Directory(record.id),
                                .policy = &policy,
                                .audit_all = record.audit_all,
                                .init_pidfd = init.get(),
                                .gofer_pidfd = gofer.get(),
                                .preserve_fds = flags.preserve_fds});
  if (executed.ok()) return executed;
  // When the container ends meanwhile, that is what the caller has to know.
  RETURN_IF_ERROR(CheckRuns(record, flags));
  return executed.status();
}

absl::Status Publish(const ExecFlags& flags, const launch::Executed& executed) {
  if (!flags.console_socket.empty()) {
    RETURN_IF_ERROR(SendConsole(flags.console_socket, executed.terminal_master.get()));
  }
  if (!flags.pidfd_socket.empty()) {
    RETURN_IF_ERROR(SendPidfd(flags.pidfd_socket, executed.pidfd.get()));
  }
  return flags.pid_file.empty() ? absl::OkStatus() : WritePidFile(flags.pid_file, executed.pid);
}

absl::StatusOr<int> Stay(const std::string& id, const launch::Executed& executed,
                         const foreground::SignalCatcher& signals) {
  foreground::Supervised supervised;
  supervised.id = id;
  supervised.init_pid = executed.pid;
  supervised.init_pidfd = executed.pidfd.get();
  supervised.terminal_master = executed.terminal_master.get();
  ASSIGN_OR_RETURN(const foreground::Ending ending, foreground::Supervise(supervised, signals));
  return ending.init.ShellCode();
}

absl::StatusOr<int> Exec(const Context& context, const ExecFlags& flags) {
  if (context.foreign_command().empty()) {
    return absl::InvalidArgumentError("no container named (see `moat exec --help`)");
  }
  const std::string id = context.foreign_command().front();
  const std::vector<std::string> command(context.foreign_command().begin() + 1,
                                         context.foreign_command().end());
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Record record, store.Read(id));
  RETURN_IF_ERROR(CheckRuns(record, flags));
  RETURN_IF_ERROR(JoinOwnNamespace(record.sentry.pid, context.argv()));
  ASSIGN_OR_RETURN(spec::Spec config, ConfigOf(store, id));
  ASSIGN_OR_RETURN(config.process, DescribeProcess(flags, command, *config.process));
  ASSIGN_OR_RETURN(const policies::Policy policy, policy::Load(store.Directory(id)));
  policy::ApplyLimits(policy.limits(), *config.process);
  RETURN_IF_ERROR(CheckTerminal(flags, config.process->terminal));

  std::optional<foreground::SignalCatcher> signals;
  if (!flags.detach) {
    TakeWindowSize(*config.process);
    ASSIGN_OR_RETURN(auto caught, foreground::SignalCatcher::Create());
    signals.emplace(std::move(caught));
  }
  ASSIGN_OR_RETURN(const launch::Executed executed, ExecIn(store, record, config, policy, flags));
  if (auto published = Publish(flags, executed); !published.ok()) {
    ::syscall(SYS_pidfd_send_signal, executed.pidfd.get(), SIGKILL, nullptr, 0);
    return published;
  }
  return flags.detach ? 0 : Stay(id, executed, *signals);
}

}  // namespace

Action ConfigureExec(CLI::App& app) {
  auto flags = std::make_shared<ExecFlags>();
  // For the help only: the words are cut off before anything is parsed (foreign_command.h).
  app.add_option("words", "a container, the command and its arguments")
      ->type_name("ID COMMAND...")
      ->expected(1, -1);
  app.positionals_at_end();
  DeclareExecFlags(app, *flags);
  app.footer(
      "\nExamples:\n"
      "  moat exec web ps aux\n"
      "  moat exec -t -u 1000:1000 -e TERM=xterm --cwd /srv web sh\n"
      "\nThe exit code is the command's (128 + signal), or 255 when it could not be run.");
  return [flags](const Context& context) -> absl::StatusOr<int> {
    auto code = Exec(context, *flags);
    if (code.ok()) return code;
    return WithExitCode(Annotate(code.status(), "exec failed"), kExecFailed);
  };
}

}  // namespace moat::cli
