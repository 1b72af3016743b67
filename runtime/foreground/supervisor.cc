#include "runtime/foreground/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/foreground/pty_proxy.h"
#include "runtime/foreground/raw_terminal.h"

namespace moat::foreground {
namespace {

// After --timeout: SIGTERM, and this much later SIGKILL.
constexpr absl::Duration kTerminationGrace = absl::Seconds(2);
// How long sentry and gofer may take to end after init, and the terminal to be drained.
constexpr absl::Duration kEndGrace = absl::Seconds(5);

void SendSignal(int pidfd, int signal) {
  ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

bool EndsByDefault(int signal) {
  switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return false;
    default:
      return true;
  }
}

struct SignalMasks {
  uint64_t caught = 0, ignored = 0, blocked = 0;
};

// From /proc/PID/status; nothing when the process is gone.
std::optional<SignalMasks> ReadSignalMasks(pid_t pid) {
  const auto status = ReadFileAt(AT_FDCWD, absl::StrCat("/proc/", pid, "/status"), 1 << 16);
  if (!status.ok()) return std::nullopt;
  SignalMasks masks;
  for (absl::string_view line : absl::StrSplit(*status, '\n')) {
    const std::vector<absl::string_view> field = absl::StrSplit(line, ":\t");
    uint64_t mask = 0;
    if (field.size() != 2 || !absl::SimpleHexAtoi(field[1], &mask)) continue;
    if (field[0] == "SigCgt") masks.caught = mask;
    if (field[0] == "SigIgn") masks.ignored = mask;
    if (field[0] == "SigBlk") masks.blocked = mask;
  }
  return masks;
}

// Whether process `pid` neither catches nor ignores nor blocks `signal`. A signal that is blocked
// is looked at again for a moment: the sentry blocks all of them while the process executes a
// program.
bool HasDefaultAction(pid_t pid, int signal) {
  constexpr int kTries = 20;
  constexpr absl::Duration kPause = absl::Milliseconds(5);
  const uint64_t bit = uint64_t{1} << (signal - 1);
  for (int i = 0; i < kTries; ++i) {
    const auto masks = ReadSignalMasks(pid);
    if (!masks) return false;
    if ((masks->blocked & bit) == 0) return ((masks->caught | masks->ignored) & bit) == 0;
    absl::SleepFor(kPause);
  }
  return false;
}

// The status of a child that is dead, and the child reaped; nothing while it lives.
std::optional<ExitStatus> Reap(int pidfd) {
  siginfo_t info = {};
  int result;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  } while (result < 0 && errno == EINTR);
  if (result < 0 || info.si_pid == 0) return std::nullopt;
  return ExitStatus{info.si_code != CLD_EXITED, info.si_status};
}

class Supervisor {
 public:
  Supervisor(const Supervised& container, const SignalCatcher& signals)
      : container_(container), signals_(signals) {
    if (container_.sentry_pidfd < 0) sentry_ = gofer_ = ExitStatus();
  }

  absl::Status OpenTerminal();
  absl::StatusOr<Ending> Run();

 private:
  absl::Status PollOnce();
  absl::Duration UntilDeadline() const;
  void HandleSignals();
  void HandleSignal(int signal);
  void HandleTypedSignal(int signal);
  bool EndIfUnnoticed(int signal);
  void HandleDeadline();
  void ReapAll();
  bool AllDone() const;
  Ending Result() const;

  const Supervised& container_;
  const SignalCatcher& signals_;
  std::unique_ptr<PtyProxy> proxy_;
  std::unique_ptr<RawTerminal> raw_;
  std::optional<ExitStatus> init_, sentry_, gofer_;
  // What comes when the deadline passes: SIGTERM for the time-out, SIGKILL, or giving up.
  absl::Time deadline_ = absl::InfiniteFuture();
  std::optional<ExitStatus> ended_by_us_;
  bool timed_out_ = false;
  bool gave_up_ = false;
};

absl::Status Supervisor::OpenTerminal() {
  if (container_.terminal_master < 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(PtyProxy proxy,
                   PtyProxy::Create(STDIN_FILENO, STDOUT_FILENO, container_.terminal_master));
  proxy_ = std::make_unique<PtyProxy>(std::move(proxy));
  CopyWindowSize(STDIN_FILENO, container_.terminal_master);
  if (::isatty(STDIN_FILENO)) {
    ASSIGN_OR_RETURN(RawTerminal raw, RawTerminal::Enter(STDIN_FILENO));
    raw_ = std::make_unique<RawTerminal>(std::move(raw));
  }
  return absl::OkStatus();
}

absl::StatusOr<Ending> Supervisor::Run() {
  if (container_.timeout) deadline_ = absl::Now() + *container_.timeout;
  while (!AllDone()) {
    RETURN_IF_ERROR(PollOnce());
    ReapAll();
    if (absl::Now() >= deadline_) HandleDeadline();
  }
  return Result();
}

absl::Status Supervisor::PollOnce() {
  std::vector<pollfd> polled = {
      {signals_.fd(), POLLIN, 0},
      {init_ ? -1 : container_.init_pidfd, POLLIN, 0},
      {sentry_ ? -1 : container_.sentry_pidfd, POLLIN, 0},
      {gofer_ ? -1 : container_.gofer_pidfd, POLLIN, 0},
  };
  const size_t ours = polled.size();
  if (proxy_) {
    const std::vector<pollfd> wanted = proxy_->Wanted();
    polled.insert(polled.end(), wanted.begin(), wanted.end());
  }
  const timespec wait = absl::ToTimespec(UntilDeadline());
  const bool forever = deadline_ == absl::InfiniteFuture();
  if (::ppoll(polled.data(), polled.size(), forever ? nullptr : &wait, nullptr) < 0) {
    return errno == EINTR ? absl::OkStatus() : ErrnoStatus(errno, "poll", "the container");
  }
  if (polled[0].revents != 0) HandleSignals();
  if (proxy_) {
    proxy_->Handle({polled.begin() + static_cast<ptrdiff_t>(ours), polled.end()});
    HandleTypedSignal(proxy_->TakeTypedSignal());
  }
  return absl::OkStatus();
}

// The kernel sends it to the terminal's foreground group; if that is init's, see EndIfUnnoticed.
void Supervisor::HandleTypedSignal(int signal) {
  pid_t foreground = 0;
  if (signal == 0 || init_ || ::ioctl(container_.terminal_master, TIOCGPGRP, &foreground) < 0) {
    return;
  }
  if (foreground == container_.init_pid) EndIfUnnoticed(signal);
}

// Ends the container when the only effect of `signal` on an ordinary process would be its end,
// which the kernel spares a pid 1.
bool Supervisor::EndIfUnnoticed(int signal) {
  if (!container_.end_on_default_action || !EndsByDefault(signal) ||
      !HasDefaultAction(container_.init_pid, signal)) {
    return false;
  }
  ended_by_us_ = ExitStatus{true, signal};
  SendSignal(container_.init_pidfd, SIGKILL);
  return true;
}

absl::Duration Supervisor::UntilDeadline() const {
  return std::max(deadline_ - absl::Now(), absl::ZeroDuration());
}

void Supervisor::HandleSignals() {
  while (const int signal = signals_.Next()) HandleSignal(signal);
}

void Supervisor::HandleSignal(int signal) {
  if (signal == SIGWINCH && proxy_) return CopyWindowSize(STDIN_FILENO, container_.terminal_master);
  if (signal == SIGCONT && raw_) raw_->EnterAgain();
  // Of a write of ours to somebody who has gone; and we read the terminal only in the foreground.
  if (signal == SIGPIPE || signal == SIGTTIN || signal == SIGTTOU || init_) return;
  if (!EndIfUnnoticed(signal)) SendSignal(container_.init_pidfd, signal);
}

void Supervisor::HandleDeadline() {
  if (init_) {
    // Sentry or gofer hang, or somebody outside keeps the terminal open.
    SendSignal(container_.sentry_pidfd, SIGKILL);
    SendSignal(container_.gofer_pidfd, SIGKILL);
    gave_up_ = !sentry_;
    proxy_.reset();
    deadline_ = absl::InfiniteFuture();
  } else if (timed_out_) {
    SendSignal(container_.init_pidfd, SIGKILL);
    deadline_ = absl::InfiniteFuture();
  } else {
    timed_out_ = true;
    SendSignal(container_.init_pidfd, SIGTERM);
    deadline_ = absl::Now() + kTerminationGrace;
  }
}

void Supervisor::ReapAll() {
  if (!sentry_) sentry_ = Reap(container_.sentry_pidfd);
  if (!gofer_) gofer_ = Reap(container_.gofer_pidfd);
  if (init_) return;
  init_ = Reap(container_.init_pidfd);
  if (!init_) return;
  deadline_ = absl::Now() + kEndGrace;
  if (proxy_) proxy_->Finish();
}

bool Supervisor::AllDone() const {
  return init_ && sentry_ && gofer_ && (!proxy_ || proxy_->done());
}

Ending Supervisor::Result() const {
  Ending ending;
  ending.init = *init_;
  if (ended_by_us_ && init_->signalled && init_->value == SIGKILL) ending.init = *ended_by_us_;
  ending.timed_out = timed_out_;
  ending.fault = SupervisorFault(container_.id, gave_up_ ? std::nullopt : sentry_, gofer_);
  return ending;
}

}  // namespace

absl::StatusOr<Ending> Supervise(const Supervised& container, const SignalCatcher& signals) {
  Supervisor supervisor(container, signals);
  RETURN_IF_ERROR(supervisor.OpenTerminal());
  return supervisor.Run();
}

}  // namespace moat::foreground
