#include "runtime/launch/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/reset_signals.h"
#include "base/status.h"

namespace moat::launch {
namespace {

int Reap(pid_t pid) {
  int status = -1;
  while (::waitpid(pid, &status, __WALL) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

// The words behind `key` in a file of procfs; none when there is no such line.
std::vector<std::string> Words(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, key)) {
      return absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    }
  }
  return {};
}

// Whether `pid` is a zombie that was the init of a container: two pid namespaces below ours.
bool IsStrayInit(const std::string& pid) {
  constexpr size_t kMaxStatus = 16384;
  constexpr size_t kDepth = 3;
  const auto status = ReadFile(absl::StrCat("/proc/", pid, "/status"), kMaxStatus);
  if (!status.ok()) return false;
  const std::vector<std::string> state = Words(*status, "State:");
  return !state.empty() && state[0] == "Z" && Words(*status, "NSpid:").size() >= kDepth;
}

// The init of a container is born as our child by a helper (CLONE_PARENT), and when both are killed
// before the helper could tell, nobody knows its number. Its pid namespace waits for it.
void ReapStrayInits() {
  constexpr size_t kMaxChildren = size_t{64} * 1024;
  const auto children = ReadFile("/proc/thread-self/children", kMaxChildren);
  if (!children.ok()) return;
  for (const std::string& child :
       std::vector<std::string>(absl::StrSplit(*children, ' ', absl::SkipEmpty()))) {
    pid_t pid;
    if (absl::SimpleAtoi(child, &pid) && IsStrayInit(child)) {
      ::waitpid(pid, nullptr, __WALL | WNOHANG);
    }
  }
}

}  // namespace

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    KillAndReap();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

absl::StatusOr<Process> Process::CloneInto(const cgroups::Entrance& groups, uint64_t flags,
                                           const std::function<void()>& body) {
  if (groups.birthplace() >= 0) {
    auto born = Clone(flags, body, groups.birthplace());
    if (born.ok()) return born;
  }
  ASSIGN_OR_RETURN(Process process, Clone(flags, body));
  RETURN_IF_ERROR(groups.Place(process.pid()));
  return process;
}

absl::StatusOr<Process> Process::Clone(uint64_t flags, const std::function<void()>& body,
                                       int group) {
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = flags | CLONE_PIDFD | (group >= 0 ? uint64_t{CLONE_INTO_CGROUP} : 0);
  arguments.cgroup = group >= 0 ? static_cast<uint64_t>(group) : 0;
  arguments.pidfd = std::bit_cast<uint64_t>(&pidfd);
  // With CLONE_PARENT the kernel takes the caller's own (clone(2)).
  arguments.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return ErrnoStatus(errno, "clone3", absl::StrCat("flags ", absl::Hex(flags)));
  if (pid == 0) {
    body();
    ::_exit(1);
  }
  return Process(static_cast<pid_t>(pid), Fd(pidfd));
}

void Process::KillAndReap() {
  if (pid_ < 0) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  constexpr int kPatienceMilliseconds = 20;
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  while (::poll(&ended, 1, kPatienceMilliseconds) == 0) ReapStrayInits();
  Reap(std::exchange(pid_, -1));
  pidfd_.Reset();
}

absl::Status Process::WaitForSuccess(const char* what) {
  const int status = Reap(std::exchange(pid_, -1));
  pidfd_.Reset();
  if (status == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(what, " ended with wait status ", status));
}

Fd Process::Release() {
  pid_ = -1;
  return std::move(pidfd_);
}

absl::StatusOr<PidNamespaceForChildren> PidNamespaceForChildren::Enter(int pid_namespace) {
  Fd own(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  if (!own) return ErrnoStatus(errno, "open", "/proc/self/ns/pid");
  if (::setns(pid_namespace, CLONE_NEWPID) < 0) {
    return ErrnoStatus(errno, "setns", "the sentry's pid namespace");
  }
  return PidNamespaceForChildren(std::move(own));
}

PidNamespaceForChildren::~PidNamespaceForChildren() {
  if (own_) ::setns(own_.get(), CLONE_NEWPID);
}

int ExecuteOwnProgram(int program, const char* name, int null, int socket) {
  constexpr int kOutOfTheWay = 10;
  ResetSignals();
  program = ::fcntl(program, F_DUPFD_CLOEXEC, kOutOfTheWay);
  socket = ::fcntl(socket, F_DUPFD_CLOEXEC, kOutOfTheWay);
  null = ::fcntl(null, F_DUPFD_CLOEXEC, kOutOfTheWay);
  if (program < 0 || socket < 0 || null < 0) return errno;
  if (::dup2(null, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0 || ::dup2(socket, 3) < 0) {
    return errno;
  }
  if (::close_range(4, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return errno;
  char* const arguments[] = {const_cast<char*>(name), nullptr};
  char* const environment[] = {nullptr};
  ::execveat(program, "", arguments, environment, AT_EMPTY_PATH);
  return errno;
}

}  // namespace moat::launch
