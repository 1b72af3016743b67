#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cgroups/groups.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/cli/command.h"
#include "runtime/cli/state_json.h"
#include "runtime/foreground/signal_names.h"

namespace moat::cli {
namespace {

struct KillFlags {
  std::string id;
  std::string signal = "TERM";
  bool all = false;
};

absl::Status SendTo(int pidfd, int signal, pid_t pid) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) < 0) {
    return ErrnoStatus(errno, "kill", absl::StrCat("process ", pid));
  }
  return absl::OkStatus();
}

// Processes that end meanwhile are no error; that there is none is.
absl::Status SignalAll(const std::string& state_dir, const state::Record& record, int signal) {
  ASSIGN_OR_RETURN(const std::vector<pid_t> pids,
                   cgroups::Groups::FromPaths(record.cgroup_paths, state_dir).WorkloadPids());
  if (pids.empty()) return NotRunning(record);
  for (const pid_t pid : pids) {
    const auto process = state::IdentifyProcess(pid);
    if (!process.ok()) continue;
    const auto pidfd = state::OpenProcess(*process);
    if (pidfd.ok()) SendTo(pidfd->get(), signal, pid).IgnoreError();
  }
  return absl::OkStatus();
}

absl::Status SignalInit(const state::Record& record, int signal) {
  const auto init = state::OpenProcess(record.init);
  if (!init.ok()) return NotRunning(record);
  return SendTo(init->get(), signal, record.init.pid);
}

// Takes no lock: a container must be killable while another command waits for it.
absl::StatusOr<int> Kill(const Context& context, const KillFlags& flags) {
  ASSIGN_OR_RETURN(const int signal, foreground::ParseSignal(flags.signal));
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Record record, store.Read(flags.id));
  RETURN_IF_ERROR(flags.all ? SignalAll(store.Directory(record.id), record, signal)
                            : SignalInit(record, signal));
  // Under cgroup v1 a frozen process dies only when it is thawed.
  if (signal == SIGKILL) cgroups::LiveGroups(record.cgroup_paths).Thaw().IgnoreError();
  return 0;
}

}  // namespace

Action ConfigureKill(CLI::App& app) {
  auto flags = std::make_shared<KillFlags>();
  app.add_option("id", flags->id, "a container")->required()->type_name("ID");
  app.add_option("signal", flags->signal, "name or number")
      ->type_name("SIGNAL")
      ->capture_default_str();
  app.add_flag("-a,--all", flags->all, "every process of the container, not only init");
  app.footer("\nExamples:\n  moat kill web\n  moat kill web KILL\n  moat kill web 15");
  return [flags](const Context& context) { return Kill(context, *flags); };
}

}  // namespace moat::cli
