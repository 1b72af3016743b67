// moat-sentry: the supervisor of one container. Started by runtime/launch as base/boot.h says;
// not for use by hand.
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/boot.h"
#include "base/log.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "gofer/client/client.h"
#include "platform/seccomp_notify/notify_platform.h"
#include "policies/container/parse_policy.h"
#include "policies/process/process_filter.h"
#include "sentry/boot_protocol.h"
#include "sentry/confinement.h"
#include "sentry/container.h"
#include "sentry/join_service.h"
#include "sentry/own_network.h"
#include "sentry/proc/cpu_limits.h"
#include "sentry/supervisor.h"
#include "sentry/task/end_tasks.h"
#include "sentry/task/served_filters.h"

namespace moat::sentry {
namespace {

// The end of an inotify instance that has had watches takes 20 ms (fsnotify_destroy_group waits for
// a worker and a grace period), which a container that is soon over would wait for: as long as
// these many look-ups by the gofer.
constexpr uint32_t kLookupsBeforeRemembering = 1000;

// What the container's init hands over once its filter is in force.
struct Attachment {
  Fd listener, stub, proc_b, init_process;
};

absl::StatusOr<Attachment> ReceiveAttachment(int init) {
  ASSIGN_OR_RETURN(BootMessage message, BootMessage::Receive(init));
  if (message.type() != "attach") return absl::InvalidArgumentError("expected attach");
  Attachment attachment;
  ASSIGN_OR_RETURN(attachment.listener, message.Take("listener"));
  ASSIGN_OR_RETURN(attachment.stub, message.Take("stub"));
  ASSIGN_OR_RETURN(attachment.proc_b, message.Take("proc_b"));
  ASSIGN_OR_RETURN(attachment.init_process, message.Take("init_pidfd"));
  return attachment;
}

// Everything that one container needs, in the order in which it has to outlive the rest.
struct Sentry {
  OwnRoot root;
  BootConfig config;
  Attachment attachment;
  Container container;
  std::unique_ptr<ServedFilters> filters;
  std::optional<TaskEnder> ender;  // when the pid namespace is another container's
};

absl::StatusOr<policies::Policy> ReadPolicy(const Fd& file) {
  constexpr size_t kMaxPolicy = 16 << 20;
  ::lseek(file.get(), 0, SEEK_SET);
  const Result<std::string> text = ReadAll(file.get(), kMaxPolicy);
  if (!text.ok()) return ErrnoStatus(text.error().value(), "read", "the policy");
  return policies::PolicyFromSaved(*text);
}

// What needs nothing of the init, done while that one is being made.
absl::Status BuildParts(Sentry& sentry) {
  Container& container = sentry.container;
  BootConfig& config = sentry.config;
  container.id = config.id;
  container.first_exec.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!container.first_exec) return ErrnoStatus(errno, "eventfd", "");
  container.tasks = std::make_unique<TaskTable>(sentry.root.proc.get());
  container.cache = std::make_unique<TaskCache>(sentry.root.proc.get());
  ASSIGN_OR_RETURN(const policies::Policy policy, ReadPolicy(config.policy));
  ASSIGN_OR_RETURN(CallPolicy calls, CallPolicy::Create(policy));
  if (config.audit_all && policy.egress() != nullptr) calls.WatchMessages();
  container.calls = std::make_unique<CallPolicy>(std::move(calls));
  container.network = std::make_unique<NetworkRules>(policy);
  config.policy.Reset();
  container.audit = std::make_unique<Audit>(std::move(config.audit), config.id, config.audit_all);
  if (config.trace) {
    container.tracer = std::make_unique<Tracer>(std::move(config.trace));
  } else if (config.filters > 0) {
    TreeConfig limited = config.tree;
    limited.cgroup_cpu_limit = config.cgroup_cpu_limit.get();
    limited.cgroup_cpuset = config.cgroup_cpuset.get();
    container.doorbells = MakeDoorbells(container, config.filters, CpuLimits(limited));
  }
  auto gofer = gofer::Connect(std::move(config.gofer), kLookupsBeforeRemembering);
  if (!gofer.ok()) return ErrnoStatus(gofer.error().value(), "connect to", "the gofer");
  container.gofer = std::move(gofer).value();
  return absl::OkStatus();
}

absl::Status BuildContainer(Sentry& sentry) {
  Container& container = sentry.container;
  BootConfig& config = sentry.config;
  ASSIGN_OR_RETURN(auto stub_root,
                   StubRoot::Create(std::move(sentry.attachment.stub), config.loader));
  config.loader.Reset();
  struct stat stub {};
  if (::fstat(stub_root->stub().get(), &stub) < 0) return ErrnoStatus(errno, "fstat", "stub");
  container.plans = std::make_unique<ExecPlans>(std::move(stub_root));
  container.roots = std::make_unique<TaskRoots>(container.plans->root(), *container.tasks,
                                                sentry.root.proc.get());

  TreeConfig tree = config.tree;
  tree.proc_a = sentry.root.proc.get();
  tree.proc_b = sentry.attachment.proc_b.get();
  tree.tmpfs = sentry.root.scratch.get();
  tree.tmpfs_view = sentry.root.scratch_view.get();
  tree.stub_device = stub.st_dev;
  tree.stub_inode = stub.st_ino;
  tree.root_behind = [&container](const struct stat& root) {
    return container.roots->Behind(root);
  };
  tree.cgroup_memory = config.cgroup_memory.get();
  tree.cgroup_cpu = config.cgroup_cpu.get();
  tree.cgroup_cpu_limit = config.cgroup_cpu_limit.get();
  tree.cgroup_cpuset = config.cgroup_cpuset.get();
  tree.cgroup_pids = config.cgroup_pids.get();
  ASSIGN_OR_RETURN(container.tree, MakeVirtualTree(std::move(tree)));
  container.short_names =
      std::make_unique<ShortNames>(sentry.root.scratch.get(), sentry.root.scratch_view.get());

  ASSIGN_OR_RETURN(container.init_tgid, PidOf(sentry.attachment.init_process.get()));
  if (!config.tie) return absl::OkStatus();
  ASSIGN_OR_RETURN(sentry.ender, TaskEnder::Create(sentry.root.proc.get(), container.init_tgid,
                                                   std::move(config.tie)));
  return absl::OkStatus();
}

// Ends the container, from any thread: the kernel kills all of P_A with its pid 1, if that is us.
[[noreturn]] void End(const Sentry& sentry, int status) {
  if (sentry.ender) sentry.ender->EndAll();
  ::_exit(status);
}

absl::Status Prepare(Sentry& sentry, int control) {
  ASSIGN_OR_RETURN(BootMessage boot, BootMessage::Receive(control));
  ASSIGN_OR_RETURN(sentry.config, ParseBoot(boot));
  SetLog(sentry.config.log.get(), LogFormat::kText, LogLevel::kInfo, "moat-sentry");
  ASSIGN_OR_RETURN(sentry.root, EnterOwnRoot(sentry.config.proc_a.get()));
  sentry.config.proc_a.Reset();
  SetOwnNetwork(sentry.root.proc, sentry.config.tree.sysctls);
  return DropPrivileges();
}

// The exit status of the program.
absl::StatusOr<int> Serve(Fd control) {
  Sentry sentry;
  if (auto prepared = Prepare(sentry, control.get()); !prepared.ok()) {
    (void)SendBootMessage(control.get(), "error", {{"message", std::string(prepared.message())}});
    return prepared;
  }
  RETURN_IF_ERROR(SendBootMessage(control.get(), "ready"));
  RETURN_IF_ERROR(BuildParts(sentry));
  const int init = sentry.config.init.get();
  ASSIGN_OR_RETURN(sentry.attachment, ReceiveAttachment(init));
  RETURN_IF_ERROR(BuildContainer(sentry));
  RETURN_IF_ERROR(policies::ConfineProcess(policies::SentryFilter()));

  const auto end = [&sentry](const std::string& why) {
    LogError(absl::StrCat(why, "; ending the container"));
    End(sentry, 1);
  };
  ASSIGN_OR_RETURN(sentry.filters, ServedFilters::Create(sentry.container, end));
  ASSIGN_OR_RETURN(auto platform, platform::seccomp_notify::Create(
                                      std::move(sentry.attachment.listener), sentry.config.cookie));
  RETURN_IF_ERROR(sentry.filters->Add(std::move(platform), [] {}));
  JoinService joins(sentry.container, *sentry.filters, platform::seccomp_notify::Create);
  RETURN_IF_ERROR(SendBootMessage(init, "attached"));
  Supervisor supervisor(std::move(control), std::move(sentry.config.listen),
                        std::move(sentry.config.init), std::move(sentry.attachment.init_process),
                        sentry.container.gofer->hangup_fd(), std::move(sentry.config.resolver),
                        sentry.container.first_exec.get(), joins);
  End(sentry, supervisor.Run());  // the workers still use everything above
}

int Main() {
#ifdef NDEBUG
  // Debian builds abseil without NDEBUG: every lock would look for deadlocks in a graph of all.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  ::signal(SIGPIPE, SIG_IGN);
  // Orphans of P_A come to its pid 1; nobody wants their status.
  ::signal(SIGCHLD, SIG_IGN);
  auto status = Serve(Fd(kBootFd));
  LogError(absl::StrCat("cannot supervise the container: ", status.status().message()));
  return 1;
}

}  // namespace
}  // namespace moat::sentry

int main() { return moat::sentry::Main(); }
