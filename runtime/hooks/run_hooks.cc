#include "runtime/hooks/run_hooks.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/fd.h"
#include "base/reset_signals.h"
#include "base/status.h"

namespace moat::hooks {
namespace {

constexpr size_t kKeptOutput = 1024;  // bytes, for the error

struct Pipe {
  Fd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "pipe2", "");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

absl::Status SetNonBlocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) < 0) return ErrnoStatus(errno, "fcntl", "a pipe");
  return absl::OkStatus();
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// A hook that runs, seen from its parent.
class RunningHook {
 public:
  RunningHook(const spec::Hook& hook, const HookSurroundings& surroundings)
      : hook_(hook), surroundings_(surroundings) {}
  ~RunningHook() {
    if (pid_ > 0) KillAndReap();
  }
  RunningHook(const RunningHook&) = delete;
  RunningHook& operator=(const RunningHook&) = delete;

  absl::Status Start();
  // Feeds, reads and waits for the end.
  absl::Status Finish();

 private:
  [[noreturn]] void RunChild();
  void Feed();
  void Collect();
  // Whether the hook ended before `deadline`.
  absl::StatusOr<bool> WaitForEnd(absl::Time deadline);
  absl::Status Judge(int wait_status) const;
  std::string Said() const;
  int Reap();
  void KillAndReap();

  const spec::Hook& hook_;
  const HookSurroundings& surroundings_;
  pid_t pid_ = -1;
  Fd pidfd_;
  Pipe input_, output_, fault_;  // `fault_`: the errno of a failed execve
  size_t fed_ = 0;
  std::string said_;
};

// Only what an execve needs; the parent is single-threaded.
void RunningHook::RunChild() {
  ::setpgid(0, 0);
  // Refused inside a container, where the end of the container's init does the same.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ResetSignals();
  const std::vector<std::string> no_arguments = {hook_.path};
  const auto arguments = Pointers(hook_.args.empty() ? no_arguments : hook_.args);
  const auto environment = Pointers(hook_.env.empty() ? surroundings_.environment : hook_.env);
  int error = 0;
  if (::dup2(input_.read.get(), 0) < 0 || ::dup2(output_.write.get(), 1) < 0 ||
      ::dup2(output_.write.get(), 2) < 0) {
    error = errno;
  } else if (!surroundings_.directory.empty() && ::chdir(surroundings_.directory.c_str()) < 0) {
    error = errno;
  } else {
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execve(hook_.path.c_str(), arguments.data(), environment.data());
    error = errno;
  }
  static_cast<void>(!::write(fault_.write.get(), &error, sizeof(error)));
  ::_exit(127);
}

absl::Status RunningHook::Start() {
  ASSIGN_OR_RETURN(input_, MakePipe());
  ASSIGN_OR_RETURN(output_, MakePipe());
  ASSIGN_OR_RETURN(fault_, MakePipe());
  pid_ = ::fork();
  if (pid_ < 0) return ErrnoStatus(errno, "fork", "");
  if (pid_ == 0) RunChild();
  ::setpgid(pid_, pid_);  // whoever is first; EACCES after its execve
  pidfd_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) return ErrnoStatus(errno, "pidfd_open", "the hook");
  input_.read.Reset();
  output_.write.Reset();
  fault_.write.Reset();
  RETURN_IF_ERROR(SetNonBlocking(input_.write));
  RETURN_IF_ERROR(SetNonBlocking(output_.read));
  int error = 0;
  if (::read(fault_.read.get(), &error, sizeof(error)) == sizeof(error)) {
    Reap();
    return ErrnoStatus(error, "execve", hook_.path);
  }
  return absl::OkStatus();
}

void RunningHook::Feed() {
  const std::string& state = surroundings_.state;
  const ssize_t size = ::write(input_.write.get(), state.data() + fed_, state.size() - fed_);
  if (size > 0) fed_ += static_cast<size_t>(size);
  // A hook need not read it.
  const bool gave_up = size < 0 && errno != EAGAIN && errno != EINTR;
  if (gave_up || fed_ == state.size()) input_.write.Reset();
}

void RunningHook::Collect() {
  char block[4096];
  for (;;) {
    const ssize_t size = ::read(output_.read.get(), block, sizeof(block));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      output_.read.Reset();
      return;
    }
    const size_t room = kKeptOutput - std::min(kKeptOutput, said_.size());
    said_.append(block, std::min(room, static_cast<size_t>(size)));
  }
}

absl::StatusOr<bool> RunningHook::WaitForEnd(absl::Time deadline) {
  for (;;) {
    pollfd entries[3] = {{pidfd_.get(), POLLIN, 0},
                         {output_.read.get(), POLLIN, 0},  // closed: -1, left out
                         {input_.write.get(), POLLOUT, 0}};
    int patience = -1;
    if (deadline != absl::InfiniteFuture()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      patience = static_cast<int>(absl::ToInt64Milliseconds(left)) + 1;
    }
    if (::poll(entries, 3, patience) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", "");
    if (entries[1].revents != 0) Collect();
    if (entries[2].revents != 0) Feed();
    if (entries[0].revents != 0) return true;
  }
}

int RunningHook::Reap() {
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void RunningHook::KillAndReap() {
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  Reap();
}

std::string RunningHook::Said() const {
  const absl::string_view text = absl::StripAsciiWhitespace(said_);
  // One line: it is part of an error.
  return text.empty() ? "" : absl::StrCat(": ", absl::StrReplaceAll(text, {{"\n", " / "}}));
}

absl::Status RunningHook::Judge(int wait_status) const {
  if (wait_status == 0) return absl::OkStatus();
  const std::string how = WIFSIGNALED(wait_status)
                              ? absl::StrCat("signal ", WTERMSIG(wait_status))
                              : absl::StrCat("exit status ", WEXITSTATUS(wait_status));
  return absl::AbortedError(absl::StrCat(how, Said()));
}

absl::Status RunningHook::Finish() {
  const absl::Time deadline =
      hook_.timeout ? absl::Now() + absl::Seconds(*hook_.timeout) : absl::InfiniteFuture();
  ASSIGN_OR_RETURN(const bool ended, WaitForEnd(deadline));
  if (output_.read) Collect();
  if (ended) return Judge(Reap());
  KillAndReap();
  return absl::DeadlineExceededError(
      absl::StrCat("was killed after its timeout of ", *hook_.timeout, " s", Said()));
}

}  // namespace

absl::Status RunHook(absl::string_view field, const spec::Hook& hook,
                     const HookSurroundings& surroundings) {
  // A hook that ends before it has read everything must not end us.
  struct sigaction ignore = {}, before = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const absl::Cleanup restore = [&before] { ::sigaction(SIGPIPE, &before, nullptr); };
  RunningHook running(hook, surroundings);
  absl::Status status = running.Start();
  if (status.ok()) status = running.Finish();
  return status.ok() ? status : Annotate(status, absl::StrCat(field, " ", hook.path));
}

absl::Status RunHooks(absl::string_view field, const std::vector<spec::Hook>& hooks,
                      const HookSurroundings& surroundings) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    RETURN_IF_ERROR(RunHook(absl::StrCat(field, "[", i, "]"), hooks[i], surroundings));
  }
  return absl::OkStatus();
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) environment.emplace_back(*entry);
  return environment;
}

}  // namespace moat::hooks
