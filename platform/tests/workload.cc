#include "platform/tests/workload.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/fd_message.h"
#include "base/read_file.h"
#include "base/status.h"
#include "platform/loader/plan.h"
#include "platform/seccomp_notify/install_filter.h"
#include "platform/tests/sandbox.h"
#include "policies/compiler/filter_compiler.h"

namespace moat::platform::testing {
namespace {

constexpr int kLastNumber = 470;

// In a child there is nobody to return an error to.
void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "platform system test: %s: %s\n", what, strerrordesc_np(errno));
  ::_exit(124);
}
void Require(const absl::Status& status) { Require(status.ok(), status.ToString().c_str()); }

std::vector<sock_filter> Filter() {
  policies::FilterSpec spec;
  spec.cookie = kCookie;
  for (int nr = 0; nr < kLastNumber; ++nr) {
    const bool notify = nr == __NR_execve || nr == __NR_execveat || nr == __NR_open ||
                        nr == __NR_openat || nr == __NR_chroot;
    spec.rules.push_back({nr, notify ? policies::Action::Notify() : policies::Action::Allow()});
  }
  spec.rules.push_back({loader::kPlanCall, policies::Action::Notify()});
  spec.rules.push_back({kTestCall, policies::Action::Notify()});
  auto program = policies::Compile(spec);
  Require(program.status());
  return *program;
}

void CopyStub(const char* to) {
  Fd from(::open(MOAT_LOADER, O_RDONLY | O_CLOEXEC));
  Require(from.valid(), MOAT_LOADER);
  std::filesystem::create_directories(std::filesystem::path(to).parent_path());
  Fd copy(::open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
  Require(copy.valid() && ::sendfile(copy.get(), from.get(), nullptr, 1 << 20) > 0, to);
}

// One read-only tmpfs with the stub under the names of the interpreters that the guests ask for.
void EnterEmptyRoot() {
  Require(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  Require(::mount("moat", "/mnt", "tmpfs", MS_NODEV | MS_NOSUID, "mode=755") == 0, "mount tmpfs");
  CopyStub("/mnt/lib64/ld-linux-x86-64.so.2");
  CopyStub("/mnt/lib/ld-musl-x86_64.so.1");
  for (const char* name : {"fixed", "aligned", "plain"})
    CopyStub((std::string("/mnt") + MOAT_GUEST_DIRECTORY "/platform_interpreter_" + name).c_str());
  Require(::mount("", "/mnt", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID,
                  nullptr) == 0,
          "remount");
  Require(::chdir("/mnt") == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  Require(::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0, "umount");
}

[[noreturn]] void RunProgram(const std::vector<std::string>& argv, int socket, int output,
                             const std::vector<sock_filter>& filter) {
  Require(::dup2(output, 1) == 1, "dup2");
  std::vector<char*> arguments;
  for (const std::string& one : argv) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  char mark[] = "MARK=kept";
  char* environment[] = {mark, nullptr};
  auto listener = seccomp_notify::InstallFilter(filter);
  Require(listener.ok(), "seccomp");
  Require(SendMessage(socket, "listener", {listener->get()}));
  listener->Reset();
  ::execve(arguments[0], arguments.data(), environment);
  Require(false, "execve");
  ::_exit(124);
}

[[noreturn]] void RunInit(const std::vector<std::string>& argv, RunAs run_as, int socket,
                          int output, int status_pipe) {
  Require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "PR_SET_PDEATHSIG");
  const std::vector<sock_filter> filter = Filter();
  Require(WriteFile("/proc/self/uid_map", "0 0 1"));
  Require(WriteFile("/proc/self/setgroups", "deny"));
  Require(WriteFile("/proc/self/gid_map", "0 0 1"));
  EnterEmptyRoot();
  if (run_as == RunAs::kInit) RunProgram(argv, socket, output, filter);
  const pid_t program = ::fork();
  Require(program >= 0, "fork");
  if (program == 0) RunProgram(argv, socket, output, filter);
  ::close(output);
  ::close(socket);
  // Everything that lands with pid 1 is reaped; the program's status is told.
  int status = 0;
  for (pid_t ended = 0; ended >= 0;) {
    ended = ::waitpid(-1, &status, 0);
    if (ended == program) Require(::write(status_pipe, &status, sizeof(status)) > 0, "write");
  }
  ::_exit(0);
}

absl::StatusOr<std::pair<Fd, Fd>> Pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "pipe2", "");
  return std::make_pair(Fd(ends[0]), Fd(ends[1]));
}

// Permits the one capability without which nobody may make a user namespace that maps uid 0
// (user_namespaces(7)), and makes it effective only while a workload is made.
void SetCapabilities(bool effective) {
  constexpr uint32_t kSetfcap = uint32_t{1} << CAP_SETFCAP;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{effective ? kSetfcap : 0, kSetfcap, 0}, {0, 0, 0}};
  Require(::syscall(SYS_capset, &header, data) == 0, "capset");
}

// The part of BecomeSupervisor that outlives the namespaces' making: maps the child's ids, waits.
[[noreturn]] void MapAndWait(pid_t child, int ready, int go) {
  char byte;
  Require(::read(ready, &byte, 1) == 1, "child");
  const std::string proc = "/proc/" + std::to_string(child);
  Require(WriteFile(proc + "/uid_map", "0 0 65536"));
  Require(WriteFile(proc + "/gid_map", "0 0 65536"));
  Require(::write(go, "g", 1) == 1, "write");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace

absl::StatusOr<Workload> StartWorkload(const std::vector<std::string>& argv, RunAs run_as) {
  ASSIGN_OR_RETURN(auto sockets, SocketPair());
  ASSIGN_OR_RETURN(auto output, Pipe());
  ASSIGN_OR_RETURN(auto status, Pipe());
  Workload workload;
  SetCapabilities(true);
  workload.init = static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, nullptr, 0, 0, 0));
  if (workload.init != 0) SetCapabilities(false);
  if (workload.init < 0) return ErrnoStatus(errno, "clone", "workload");
  if (workload.init == 0)
    RunInit(argv, run_as, sockets.second.get(), output.second.get(), status.second.get());
  sockets.second.Reset();
  ASSIGN_OR_RETURN(FdMessage message, ReceiveMessage(sockets.first.get(), 64, 1));
  if (message.fds.size() != 1) return absl::InternalError("the workload did not start");
  workload.listener = std::move(message.fds[0]);
  workload.output = std::move(output.first);
  workload.status = std::move(status.first);
  return workload;
}

void BecomeSupervisor() {
  if (::geteuid() != 0) {
    std::fprintf(stderr, "skipped: making user namespaces with many ids needs root\n");
    std::exit(kSkipped);
  }
  auto ready = Pipe(), go = Pipe();
  Require(ready.status());
  Require(go.status());
  const pid_t child = ::fork();
  Require(child >= 0, "fork");
  if (child > 0) MapAndWait(child, ready->first.get(), go->second.get());
  Require(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "PR_SET_PDEATHSIG");
  Require(::unshare(CLONE_NEWUSER) == 0, "unshare");
  Require(::write(ready->second.get(), "r", 1) == 1, "write");
  char byte;
  Require(::read(go->first.get(), &byte, 1) == 1, "maps");
  Require(::setresgid(0, 0, 0) == 0 && ::setgroups(0, nullptr) == 0, "groups");
  Require(::setresuid(0, 0, 0) == 0, "setresuid");
  SetCapabilities(false);
}

}  // namespace moat::platform::testing
