#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/container.h"
#include "runtime/foreground/raw_terminal.h"
#include "runtime/foreground/supervisor.h"

namespace moat::cli {
namespace {

constexpr int kTimedOut = 124;  // as timeout(1)

foreground::Supervised Describe(const CreateRequest& request, const launch::Launched& launched,
                                const ForegroundOptions& options) {
  foreground::Supervised container;
  container.id = request.id;
  container.init_pid = launched.init_pid;
  container.init_pidfd = launched.init_pidfd.get();
  container.sentry_pidfd = launched.sentry_pidfd.get();
  container.gofer_pidfd = launched.gofer_pidfd.get();
  if (request.console_socket.empty()) container.terminal_master = launched.terminal_master.get();
  container.timeout = options.timeout;
  container.end_on_default_action = options.end_on_default_action;
  return container;
}

// What moat's own exit code and last words are.
absl::StatusOr<int> Conclude(const foreground::Ending& ending, const ForegroundOptions& options) {
  if (!ending.fault.empty()) return absl::AbortedError(ending.fault);
  if (ending.timed_out) {
    return WithExitCode(absl::DeadlineExceededError(
                            absl::StrCat("the command was ended after ",
                                         absl::FormatDuration(*options.timeout), " (--timeout)")),
                        kTimedOut);
  }
  return ending.init.ShellCode();
}

absl::Status StartCreated(const state::Store& store, const std::string& id, int control) {
  ASSIGN_OR_RETURN(const state::Entry entry, store.Lock(id));
  return StartContainer(entry, control);
}

// The directory of a container; `delete --force` may have been faster.
absl::Status Forget(const state::Store& store, const std::string& id) {
  const auto entry = store.Lock(id);
  if (absl::IsNotFound(entry.status())) return absl::OkStatus();
  RETURN_IF_ERROR(entry.status());
  ASSIGN_OR_RETURN(const state::Record record, entry->Read());
  return ForgetContainer(*entry, record);
}

// Who only sees "Killed" would look for somebody who did it.
void ReportOutOfMemory(const CreateRequest& request, const cgroups::Groups& groups) {
  const auto& resources = request.spec.linux_config.resources;
  const int64_t kills = resources && resources->memory ? groups.OutOfMemoryKills() : 0;
  if (kills == 0) return;
  LogWarning(absl::StrCat("the memory limit of ", resources->memory->limit.value_or(0),
                          " bytes was hit: the kernel killed ", kills,
                          kills == 1 ? " process" : " processes", " of the container"));
}

}  // namespace

absl::StatusOr<int> RunInForeground(
    const Context& context, const CreateRequest& request, const ForegroundOptions& options,
    const std::function<absl::Status(const launch::Launched&)>& before_removal) {
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const auto signals, foreground::SignalCatcher::Create());
  ASSIGN_OR_RETURN(launch::Launched launched, CreateContainer(context, store, request));
  absl::Cleanup remove = [&] {
    launch::Abandon(launched);
    if (options.keep) return;
    if (const auto status = Forget(store, request.id); !status.ok()) {
      LogWarning(status.message());
    }
  };
  // Before the command can ask for it.
  if (request.console_socket.empty() && launched.terminal_master) {
    foreground::CopyWindowSize(STDIN_FILENO, launched.terminal_master.get());
  }
  RETURN_IF_ERROR(StartCreated(store, request.id, launched.control.get()));
  ASSIGN_OR_RETURN(const foreground::Ending ending,
                   foreground::Supervise(Describe(request, launched, options), signals));
  if (before_removal) RETURN_IF_ERROR(before_removal(launched));
  ReportOutOfMemory(request, launched.groups);
  RETURN_IF_ERROR(launched.groups.Remove());
  return Conclude(ending, options);
}

}  // namespace moat::cli
