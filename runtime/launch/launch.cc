#include "runtime/launch/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

#include "base/pidfd.h"
#include "base/status.h"
#include "platform/loader/plan.h"
#include "platform/seccomp_notify/install_filter.h"
#include "policies/compiler/filter_compiler.h"
#include "policies/container/builtin.h"
#include "policies/container/parse_policy.h"
#include "runtime/hooks/saved_hooks.h"
#include "runtime/launch/exec.h"
#include "runtime/launch/execution.h"
#include "runtime/launch/launcher.h"
#include "sentry/doorbell/asking_calls.h"
#include "sentry/syscalls/call_policy.h"
#include "sentry/syscalls/table.h"

namespace moat::launch {
namespace {

std::optional<int> NumberOf(absl::string_view name) {
  for (const sentry::Entry& entry : sentry::SyscallTable()) {
    if (entry.name == name && entry.nr <= sentry::kLastSyscall) return entry.nr;
  }
  return std::nullopt;
}

absl::StatusOr<policies::Policy> PolicyOr(const policies::Policy* given) {
  if (given != nullptr) return *given;
  return policies::PolicyOfName(std::string(policies::kDefaultPolicy));
}

bool LetsAskingPass(const spec::Seccomp& profile) {
  const auto& calls = sentry::kAskingCalls;
  return std::all_of(std::begin(calls), std::end(calls), [&profile](const auto& call) {
    return seccomp::AlwaysAllows(profile, call.name);
  });
}

// `policy` null: "default".
absl::StatusOr<Filter> MakeFilter(const std::optional<spec::Seccomp>& profile,
                                  const policies::Policy* given, bool audit_all) {
  Filter filter;
  while (filter.cookie == 0) {
    if (::getrandom(&filter.cookie, sizeof(filter.cookie), 0) != sizeof(filter.cookie)) {
      return ErrnoStatus(errno, "getrandom", "");
    }
  }
  ASSIGN_OR_RETURN(const policies::Policy policy, PolicyOr(given));
  ASSIGN_OR_RETURN(sentry::CallPolicy calls, sentry::CallPolicy::Create(policy));
  if (audit_all && policy.egress() != nullptr) calls.WatchMessages();
  filter.policy = policies::SavedPolicy(policy);
  policies::FilterSpec spec =
      calls.ToFilterSpec(audit_all ? sentry::Refusals::kAll : sentry::Refusals::kTold);
  spec.cookie = filter.cookie;
  ASSIGN_OR_RETURN(filter.program, policies::Compile(spec));
  if (profile) {
    ASSIGN_OR_RETURN(filter.profile,
                     seccomp::CompileProfile(*profile, {.number_of = NumberOf,
                                                        .cookie = filter.cookie,
                                                        .plan_call = loader::kPlanCall}));
  }
  filter.asking_filters = filter.profile.program.empty() ? 1 : LetsAskingPass(*profile) ? 2 : 0;
  return filter;
}

absl::Status CheckKernel() {
  constexpr char kNeeded[] =
      "this kernel can't run moat; it needs Linux 6.9 or newer with CONFIG_SECCOMP";
  const Result<void> support = platform::seccomp_notify::CheckKernelSupport();
  if (!support.ok()) {
    return Annotate(ErrnoStatus(support.error().value(), "seccomp", "user notification"), kNeeded);
  }
  const Result<Fd> thread = OpenThreadPidfd(::getpid());
  if (!thread.ok()) {
    return Annotate(ErrnoStatus(thread.error().value(), "pidfd_open", "a thread"), kNeeded);
  }
  return absl::OkStatus();
}

// P_IDFD of waitid(2), which glibc's idtype_t has since 2.36.
void Reap(const Fd& pidfd) {
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::StatusOr<Executed> Exec(const ExecRequest& request) {
  ASSIGN_OR_RETURN(const Filter filter, MakeFilter(request.spec.linux_config.seccomp,
                                                   request.policy, request.audit_all));
  return Execution(request, filter).Run();
}

absl::StatusOr<Launched> Launch(const LaunchRequest& request) {
  RETURN_IF_ERROR(CheckKernel());
  ASSIGN_OR_RETURN(const Filter filter, MakeFilter(request.spec.linux_config.seccomp,
                                                   request.policy, request.audit_all));
  std::optional<Launcher> launcher(std::in_place, request, filter, nullptr);
  absl::StatusOr<Launched> launched = launcher->Run();
  const bool hooks_are_due = !launched.ok() && launcher->hooks_began();
  launcher.reset();  // undoes everything that it did not finish
  if (hooks_are_due) {
    hooks::RunPoststop(request.spec.hooks, {request.id, request.bundle, request.spec.annotations});
  }
  return launched;
}

// Its end would be taken for a fault, and end the other container, while one of its tasks lives
// (shared_pids.h).
void LetSentryEnd(const Launched& launched) {
  constexpr int kPatience = 5000;  // milliseconds
  ::syscall(SYS_pidfd_send_signal, launched.init_pidfd.get(), SIGKILL, nullptr, 0);
  pollfd ended = {launched.sentry_pidfd.get(), POLLIN, 0};
  ::poll(&ended, 1, kPatience);
}

// In the order in which they can be reaped: the sentry, pid 1 of P_A, is only gone once all others
// of P_A are.
void Abandon(Launched& launched) {
  if (launched.shares_pids && launched.sentry_pidfd) LetSentryEnd(launched);
  for (Fd* pidfd : {&launched.init_pidfd, &launched.gofer_pidfd, &launched.sentry_pidfd}) {
    if (!*pidfd) continue;
    ::syscall(SYS_pidfd_send_signal, pidfd->get(), SIGKILL, nullptr, 0);
    Reap(*pidfd);
    pidfd->Reset();
  }
  launched.control.Reset();
  launched.terminal_master.Reset();
  launched.groups.Remove().IgnoreError();
}

}  // namespace moat::launch
