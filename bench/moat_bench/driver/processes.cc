#include "bench/moat_bench/driver/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::bench {
namespace {

constexpr size_t kOutputLimit = 32 << 20;
constexpr size_t kErrorLimit = 64 << 10;
constexpr int kTickMilliseconds = 20;
constexpr double kPatienceWithTheKilled = 10;

sigset_t HandledSignals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM}) sigaddset(&handled, signal);
  return handled;
}

// Takes what is there into `text`, and drops what exceeds `limit`. False at the end.
bool Drain(int fd, std::string& text, size_t limit) {
  char bytes[65536];
  const ssize_t got = read(fd, bytes, sizeof bytes);
  if (got == -1) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  text.append(bytes, std::min(static_cast<size_t>(got), limit - std::min(limit, text.size())));
  return true;
}

int CodeOf(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void CollectBelow(pid_t pid, std::vector<pid_t>& all) {
  std::error_code none;
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), none)) {
    const auto children = ReadFile(task.path() / "children", 1 << 20);
    if (!children.ok()) continue;
    std::istringstream numbers(*children);
    for (pid_t child; numbers >> child;) {
      all.push_back(child);
      CollectBelow(child, all);
    }
  }
}

[[noreturn]] void BecomeCommand(const Command& command, const std::vector<char*>& arguments,
                                int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (command.new_session) setsid();
  const int null = open("/dev/null", O_RDONLY);
  const bool ready =
      dup2(null, 0) != -1 && dup2(out, 1) != -1 && dup2(err, 2) != -1 &&
      (command.mount_namespace == -1 || setns(command.mount_namespace, CLONE_NEWNS) == 0) &&
      (command.directory.empty() || chdir(command.directory.c_str()) == 0);
  if (ready) execvp(arguments[0], arguments.data());
  dprintf(2, "cannot start %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

}  // namespace

std::string Printable(std::string text) {
  for (char& letter : text) {
    if (letter == '\n' || letter == '\t') letter = ' ';
    if (letter < ' ' || letter > '~') letter = '?';
  }
  return text;
}

double MonotonicSeconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string Outcome::Fault() const {
  if (interrupted) return "interrupted";
  std::string said(absl::StripAsciiWhitespace(err.empty() ? out : err));
  if (said.size() > 400) said = "..." + said.substr(said.size() - 400);
  said = Printable(std::move(said));
  if (timed_out)
    return absl::StrCat("did not end within its limit", said.empty() ? "" : ": ", said);
  return absl::StrCat("exit code ", code, said.empty() ? "" : ": ", said);
}

absl::StatusOr<Processes> Processes::Create() {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
    return ErrnoStatus(errno, "prctl", "PR_SET_CHILD_SUBREAPER");
  const sigset_t handled = HandledSignals();
  if (sigprocmask(SIG_BLOCK, &handled, nullptr) == -1) return ErrnoStatus(errno, "sigprocmask", "");
  Fd signals(signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals.valid()) return ErrnoStatus(errno, "signalfd", "");
  return Processes(std::move(signals));
}

void Processes::TakeSignals() {
  signalfd_siginfo signal;
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGCHLD) interrupted_ = true;
  }
  Reap();
}

// Orphans of containers among them: a pid namespace ends only when its processes are reaped.
void Processes::Reap() {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) ended_[pid] = CodeOf(status);
}

pid_t Processes::Fork(const Command& command, int out, int err) {
  std::vector<char*> arguments;
  for (const std::string& argument : command.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) BecomeCommand(command, arguments, out, err);
  return child;
}

Outcome Processes::Run(const Command& command) {
  Outcome outcome;
  if (interrupted()) {
    outcome.interrupted = true;
    return outcome;
  }
  int out_ends[2], err_ends[2];
  if (pipe2(out_ends, O_CLOEXEC) == -1 || pipe2(err_ends, O_CLOEXEC) == -1) return outcome;
  Fd out(out_ends[0]), out_writer(out_ends[1]), err(err_ends[0]), err_writer(err_ends[1]);
  fcntl(out.get(), F_SETFL, O_NONBLOCK);
  fcntl(err.get(), F_SETFL, O_NONBLOCK);
  const double start = MonotonicSeconds();
  const pid_t child = Fork(command, out_writer.get(), err_writer.get());
  ended_.erase(child);
  out_writer.Reset();
  err_writer.Reset();
  bool stopped = false;
  while (child != -1 && !ended_.contains(child)) {
    pollfd waits[] = {{signals_.get(), POLLIN, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    poll(waits, 3, kTickMilliseconds);
    if (waits[1].revents != 0 && !Drain(out.get(), outcome.out, kOutputLimit)) out.Reset();
    if (waits[2].revents != 0 && !Drain(err.get(), outcome.err, kErrorLimit)) err.Reset();
    TakeSignals();
    outcome.seconds = MonotonicSeconds() - start;
    outcome.timed_out = outcome.timed_out || outcome.seconds > command.limit_seconds;
    outcome.interrupted = interrupted();
    const bool enough = command.watch && command.watch(outcome);
    if (stopped || !(outcome.timed_out || outcome.interrupted || enough)) continue;
    stopped = true;
    kill(child, SIGKILL);
  }
  outcome.code = child == -1 ? 127 : ended_[child];
  ended_.erase(child);
  // What is left in the pipes; a container that keeps them open is not waited for.
  for (bool more = out.valid(); more;) {
    pollfd wait = {out.get(), POLLIN, 0};
    more = poll(&wait, 1, 0) == 1 && Drain(out.get(), outcome.out, kOutputLimit);
  }
  for (bool more = err.valid(); more;) {
    pollfd wait = {err.get(), POLLIN, 0};
    more = poll(&wait, 1, 0) == 1 && Drain(err.get(), outcome.err, kErrorLimit);
  }
  return outcome;
}

absl::StatusOr<pid_t> Processes::StartInBackground(const Command& command,
                                                   const std::string& out_file) {
  const Fd out(open(out_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out.valid()) return ErrnoStatus(errno, "open", out_file);
  const pid_t child = Fork(command, out.get(), out.get());
  if (child == -1) return ErrnoStatus(errno, "fork", command.arguments[0]);
  return child;
}

bool Processes::WaitForEnd(pid_t pid, double limit_seconds) {
  const double start = MonotonicSeconds();
  while (MonotonicSeconds() - start < limit_seconds && !interrupted()) {
    TakeSignals();
    if (ended_.erase(pid) == 1 || kill(pid, 0) == -1) return true;
    pollfd wait = {signals_.get(), POLLIN, 0};
    poll(&wait, 1, kTickMilliseconds);
  }
  return false;
}

void Processes::Pause(double seconds) {
  const double end = MonotonicSeconds() + seconds;
  while (MonotonicSeconds() < end && !interrupted()) {
    pollfd wait = {signals_.get(), POLLIN, 0};
    poll(&wait, 1,
         std::min(kTickMilliseconds, static_cast<int>((end - MonotonicSeconds()) * 1000) + 1));
    TakeSignals();
  }
}

std::vector<pid_t> Processes::Descendants() const {
  std::vector<pid_t> all;
  CollectBelow(getpid(), all);
  return all;
}

bool Processes::EndDescendants() {
  const double start = MonotonicSeconds();
  for (;;) {
    TakeSignals();
    const std::vector<pid_t> left = Descendants();
    if (left.empty()) break;
    for (const pid_t pid : left) kill(pid, SIGKILL);
    if (MonotonicSeconds() - start > kPatienceWithTheKilled) return false;
    pollfd wait = {signals_.get(), POLLIN, 0};
    poll(&wait, 1, kTickMilliseconds);
  }
  ended_.clear();
  return true;
}

}  // namespace moat::bench
