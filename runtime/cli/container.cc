#include "runtime/cli/container.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/container/egress_names.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/cli/console_socket.h"
#include "runtime/cli/pids_owner.h"
#include "runtime/hooks/saved_hooks.h"
#include "runtime/hostview/accounts.h"
#include "runtime/policy/choose.h"
#include "runtime/resolv/name_plan.h"
#include "runtime/spec/parse.h"

namespace moat::cli {
namespace {

constexpr int kCommandNotFound = 127;
constexpr int kCommandNotExecutable = 126;
constexpr int kKillWaitMilliseconds = 10 * 1000;
constexpr char kSavedConfig[] = "config.json";
constexpr char kSupervisorLog[] = "supervisor.log";
constexpr char kRefusals[] = "refusals.jsonl";

// Who made the user namespace that we are root of, else who we are.
uint32_t OwnerId() {
  constexpr size_t kMaxIdMap = 64 * 1024;
  uint32_t inside, outside;
  std::istringstream map(ReadFile("/proc/self/uid_map", kMaxIdMap).value_or(""));
  if (::geteuid() == 0 && map >> inside >> outside && inside == 0) return outside;
  return ::geteuid();
}

std::string OwnerName() {
  const auto files = hostview::ReadAccountFiles("/");
  const std::string uid = absl::StrCat(OwnerId());
  if (!files.ok()) return uid;
  const auto account = hostview::FindAccount(*files, uid);
  return account.ok() && !account->name.empty() ? account->name : uid;
}

absl::StatusOr<state::Record> NewRecord(const CreateRequest& request) {
  state::Record record;
  record.id = request.id;
  record.bundle = request.bundle;
  if (!request.root_plan) {
    const std::string& path = request.spec.root.path;
    record.rootfs = absl::StartsWith(path, "/") ? path : absl::StrCat(request.bundle, "/", path);
  }
  record.created = absl::Now();
  record.owner = OwnerName();
  record.annotations = request.spec.annotations;
  record.policy = request.policy.top().name;
  record.loosened = request.policy.Loosened();
  record.audit_all = !request.audit.empty();
  record.ephemeral = request.foreground;
  record.shares_pids = PathOfPids(request.spec).has_value();
  ASSIGN_OR_RETURN(record.creator, state::IdentifyProcess(::getpid()));
  return record;
}

absl::Status RecordLaunched(const launch::Launched& launched, state::Record& record) {
  ASSIGN_OR_RETURN(record.init, state::IdentifyProcess(launched.init_pid));
  ASSIGN_OR_RETURN(const pid_t sentry, PidOf(launched.sentry_pidfd.get()));
  ASSIGN_OR_RETURN(record.sentry, state::IdentifyProcess(sentry));
  ASSIGN_OR_RETURN(const pid_t gofer, PidOf(launched.gofer_pidfd.get()));
  ASSIGN_OR_RETURN(record.gofer, state::IdentifyProcess(gofer));
  record.cgroup_paths = launched.groups.paths();
  record.reached = state::Status::kCreated;
  return absl::OkStatus();
}

// Where sentry and gofer of a container that outlives this command write: never to its caller, who
// may wait for the end of that file.
absl::StatusOr<Fd> OpenSupervisorLog(const state::Entry& entry) {
  const std::string path = absl::StrCat(entry.directory(), "/", kSupervisorLog);
  Fd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return ErrnoStatus(errno, "open", path);
  return log;
}

// Never blocks: a pipe whose reader is slow loses lines, which the sentry counts.
absl::StatusOr<Fd> OpenAudit(const CreateRequest& request, const state::Entry& entry) {
  const std::string path =
      request.audit.empty() ? absl::StrCat(entry.directory(), "/", kRefusals) : request.audit;
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                 0600));
  if (!file) return ErrnoStatus(errno, request.audit.empty() ? "open" : "--audit: open", path);
  return file;
}

absl::Status Publish(const CreateRequest& request, const state::Entry& entry,
                     const launch::Launched& launched, state::Record record) {
  RETURN_IF_ERROR(RecordLaunched(launched, record));
  if (!request.console_socket.empty()) {
    RETURN_IF_ERROR(SendConsole(request.console_socket, launched.terminal_master.get()));
  }
  if (!request.pidfd_socket.empty()) {
    RETURN_IF_ERROR(SendPidfd(request.pidfd_socket, launched.init_pidfd.get()));
  }
  if (!request.pid_file.empty()) {
    RETURN_IF_ERROR(WritePidFile(request.pid_file, launched.init_pid));
  }
  return entry.Write(record);
}

// Adds the exit code that a shell would give if `status` is about the command itself.
absl::Status WithCommandExitCode(const absl::Status& status) {
  if (!launch::IsCommandFault(status)) return status;
  const int error = StatusErrno(status);
  return WithExitCode(
      status, error == ENOENT || error == ENOTDIR ? kCommandNotFound : kCommandNotExecutable);
}

// One that is our own child is reaped at once.
void ReapOwn(int pidfd) {
  siginfo_t unused = {};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &unused, WEXITED | WNOHANG | __WALL);
}

// Whether nothing is left of the thread: it has no memory and no descriptors, which go before its
// namespaces and control group do.
bool ThreadHasLetGo(const std::filesystem::path& thread) {
  constexpr size_t kMaxStatm = 256;
  const auto statm = ReadFile((thread / "statm").string(), kMaxStatm);
  if (!statm.ok()) return true;
  std::error_code error;
  return absl::StartsWith(*statm, "0 ") &&
         std::filesystem::directory_iterator(thread / "fd", error) ==
             std::filesystem::directory_iterator();
}

// Whether only the number of the process is left. Pid 1 of a namespace stays like that until all
// others of it are reaped, which is not ours to do: whoever took them in may be slow.
bool HasLetGo(pid_t pid) {
  std::error_code error;
  std::filesystem::directory_iterator thread(absl::StrCat("/proc/", pid, "/task"), error), end;
  for (; !error && thread != end; thread.increment(error)) {
    if (!ThreadHasLetGo(thread->path())) return false;
  }
  return true;
}

// Waits for the end of the sentry, the others being dead.
void AwaitSentry(int pidfd) {
  const auto pid = PidOf(pidfd);
  if (!pid.ok()) return;
  int wait = 1;
  for (int waited = 0; waited < kKillWaitMilliseconds; waited += wait) {
    pollfd dead = {pidfd, POLLIN, 0};
    if (::poll(&dead, 1, wait) != 0 || HasLetGo(*pid)) break;
    wait = std::min(2 * wait, 50);
  }
  ReapOwn(pidfd);
}

// Kills what still lives of a container and waits for its end.
void KillAndWait(const state::Record& record) {
  std::vector<Fd> pidfds;
  for (const state::ProcessRef& process : {record.init, record.gofer, record.sentry}) {
    auto pidfd = state::OpenProcess(process);
    if (pidfd.ok()) ::syscall(SYS_pidfd_send_signal, pidfd->get(), SIGKILL, nullptr, 0);
    pidfds.push_back(pidfd.ok() ? *std::move(pidfd) : Fd());
  }
  for (const Fd* pidfd : {&pidfds[0], &pidfds[1]}) {
    if (!*pidfd) continue;
    pollfd dead = {pidfd->get(), POLLIN, 0};
    ::poll(&dead, 1, kKillWaitMilliseconds);
    ReapOwn(pidfd->get());
  }
  if (pidfds[2]) AwaitSentry(pidfds[2].get());
}

// Ends init and, because of that, the sentry, whose end before that of the last task would be taken
// for a fault by the container whose pids are shared (docs/adr/011-shared-pids.md).
void EndBySelf(const state::Record& record) {
  constexpr int kPatienceMilliseconds = 5000;
  const auto init = state::OpenProcess(record.init);
  const auto sentry = state::OpenProcess(record.sentry);
  if (init.ok()) ::syscall(SYS_pidfd_send_signal, init->get(), SIGKILL, nullptr, 0);
  if (!sentry.ok()) return;
  pollfd dead = {sentry->get(), POLLIN, 0};
  ::poll(&dead, 1, kPatienceMilliseconds);
}

void EndAll(const state::Record& record) {
  if (record.shares_pids) EndBySelf(record);
  KillAndWait(record);
}

hooks::HookContainer HookFacts(const state::Record& record) {
  return {record.id, record.bundle, record.annotations};
}

// Edits of the bundle after create have no effect (runtime-spec, runtime.md, "create").
absl::Status SaveConfig(const std::string& config_file, const state::Entry& entry) {
  if (config_file.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(config_file, spec::kMaxConfigSize));
  const std::string path = absl::StrCat(entry.directory(), "/", kSavedConfig);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WritePidFile(const std::string& path, pid_t pid) {
  const std::string text = absl::StrCat(pid), fresh = absl::StrCat(path, ".moat-new");
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) {
    return ErrnoStatus(errno, "--pid-file: write", fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) < 0) {
    return ErrnoStatus(errno, "--pid-file: rename to", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<spec::Spec> ConfigOf(const state::Store& store, const std::string& id) {
  const std::string path = absl::StrCat(store.Directory(id), "/", kSavedConfig);
  const auto text = ReadFile(path, spec::kMaxConfigSize);
  if (!text.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "container ", id, " was not created from a bundle: ", text.status().message()));
  }
  auto spec = spec::Parse(*text);
  if (!spec.ok()) return Annotate(spec.status(), path);
  if (!spec->process) return absl::InvalidArgumentError(absl::StrCat(path, ": process is missing"));
  return spec;
}

absl::StatusOr<launch::Launched> CreateContainer(const Context& context, const state::Store& store,
                                                 const CreateRequest& request) {
  ASSIGN_OR_RETURN(launch::Programs programs, FindPrograms());
  CollectGarbage(store);
  ASSIGN_OR_RETURN(const state::Entry entry, store.Create(request.id));
  absl::Cleanup remove_entry = [&] { entry.Remove().IgnoreError(); };
  ASSIGN_OR_RETURN(state::Record record, NewRecord(request));
  RETURN_IF_ERROR(entry.Write(record));
  RETURN_IF_ERROR(SaveConfig(request.config_file, entry));
  RETURN_IF_ERROR(policy::Save(request.policy, entry.directory()));
  RETURN_IF_ERROR(hooks::SaveHooks(entry.directory(), request.spec.hooks));
  Fd log;
  if (!request.foreground) {
    ASSIGN_OR_RETURN(log, OpenSupervisorLog(entry));
  }

  spec::Spec spec = request.spec;
  launch::LaunchRequest launch_request{spec};
  if (const policies::Egress* egress = request.policy.egress();
      egress != nullptr && policies::HasNames(*egress)) {
    ASSIGN_OR_RETURN(launch_request.names,
                     resolv::PlanNames(*egress, entry.directory(), request.bundle, spec));
  }
  launch_request.id = request.id;
  launch_request.bundle = request.bundle;
  launch_request.state_dir = entry.directory();
  launch_request.programs = std::move(programs);
  launch_request.root_plan = request.root_plan;
  launch_request.cwd_option = request.cwd_option;
  launch_request.on_groups = [&](launch::GroupsAre are, const std::vector<std::string>& paths) {
    // Without groups there is nothing to remember, and each record is a file that is replaced.
    if (paths.empty() && record.planned_cgroup_paths.empty()) return absl::OkStatus();
    const bool made = are == launch::GroupsAre::kMade;
    record.cgroup_paths = made ? paths : std::vector<std::string>();
    record.planned_cgroup_paths = made ? std::vector<std::string>() : paths;
    return entry.Write(record);
  };
  ASSIGN_OR_RETURN(launch_request.pids_owner, FindPidsOwner(store, request.spec));
  ASSIGN_OR_RETURN(launch_request.make_groups, context.WantsControlGroups());
  ASSIGN_OR_RETURN(const Fd audit, OpenAudit(request, entry));
  launch_request.audit_fd = audit.get();
  launch_request.audit_all = !request.audit.empty();
  launch_request.policy = &request.policy;
  launch_request.preserve_fds = request.preserve_fds;
  launch_request.trace = request.trace;
  launch_request.trace_fd = request.trace_fd;
  launch_request.log_fd = log ? log.get() : context.log_fd();
  launch_request.die_with_parent = request.foreground;
  absl::StatusOr<launch::Launched> launched = launch::Launch(launch_request);
  if (!launched.ok()) return WithCommandExitCode(launched.status());
  const hooks::HookContainer facts = HookFacts(record);
  if (auto status = Publish(request, entry, *launched, std::move(record)); !status.ok()) {
    launch::Abandon(*launched);
    hooks::RunPoststop(request.spec.hooks, facts);
    return status;
  }
  std::move(remove_entry).Cancel();
  return launched;
}

absl::Status StartContainer(const state::Entry& entry, int control) {
  ASSIGN_OR_RETURN(state::Record record, entry.Read());
  RETURN_IF_ERROR(WithCommandExitCode(launch::Start(control)));
  record.reached = state::Status::kRunning;
  RETURN_IF_ERROR(entry.Write(record));
  ASSIGN_OR_RETURN(const spec::Hooks saved, hooks::LoadHooks(entry.directory()));
  const absl::Status hooked = hooks::RunPoststart(saved, HookFacts(record), record.init.pid);
  // runtime-spec runtime.md, "Lifecycle", step 9: the container is stopped.
  if (!hooked.ok()) EndAll(record);
  return hooked;
}

absl::Status DestroyContainer(const state::Entry& entry, const state::Record& record) {
  auto groups = cgroups::Groups::FromPaths(record.cgroup_paths, entry.directory());
  // Under cgroup v1 a frozen process is not killed before it is thawed.
  cgroups::LiveGroups(record.cgroup_paths).Thaw().IgnoreError();
  EndAll(record);
  RETURN_IF_ERROR(groups.Remove());
  cgroups::RemoveEmpty(record.planned_cgroup_paths);
  return ForgetContainer(entry, record);
}

absl::Status ForgetContainer(const state::Entry& entry, const state::Record& record) {
  const auto saved = hooks::LoadHooks(entry.directory());
  if (!saved.ok()) LogWarning(absl::StrCat("hooks.poststop: ", saved.status().message()));
  RETURN_IF_ERROR(entry.Remove());
  if (saved.ok()) hooks::RunPoststop(*saved, HookFacts(record));
  return absl::OkStatus();
}

void CollectGarbage(const state::Store& store) {
  const auto ids = store.Ids();
  if (!ids.ok()) return;
  for (const std::string& id : *ids) {
    const auto seen = store.Read(id);
    if (absl::IsNotFound(seen.status())) store.RemoveUnfinished(id);
    if (!seen.ok() || !seen->ephemeral || state::IsAlive(seen->creator)) continue;
    const auto entry = store.TryLock(id);
    if (!entry.ok()) continue;
    const auto record = entry->Read();
    if (!record.ok()) continue;
    if (const auto status = DestroyContainer(*entry, *record); !status.ok()) {
      LogWarning(absl::StrCat("left over of container ", id, ": ", status.message()));
    }
  }
}

}  // namespace moat::cli
