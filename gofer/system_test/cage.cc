#include "gofer/system_test/cage.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/boot.h"
#include "base/fd_message.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace moat::gofer {
namespace {

constexpr char kIdentityMap[] = "0 0 4294967295";

absl::Status Check(long result, absl::string_view call, absl::string_view object) {
  return result < 0 ? ErrnoStatus(errno, call, object) : absl::OkStatus();
}

absl::Status MountTmpfs(const char* where, unsigned long flags) {
  RETURN_IF_ERROR(Check(::mkdir(where, 0755), "mkdir", where));
  return Check(::mount("tmpfs", where, "tmpfs", flags, "mode=0755"), "mount", where);
}

absl::Status MountWithFile(const char* where, unsigned long flags) {
  RETURN_IF_ERROR(MountTmpfs(where, 0));
  const std::string file = absl::StrCat(where, "/file");
  Fd created(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
  RETURN_IF_ERROR(Check(created.get(), "open", file));
  RETURN_IF_ERROR(Check(::write(created.get(), "text", 4), "write", file));
  created.Reset();  // a mount with a file open for writing cannot become read-only
  return Check(::mount(nullptr, where, nullptr, MS_REMOUNT | MS_BIND | flags, nullptr), "remount",
               where);
}

absl::Status MountVirtual(const char* where, std::initializer_list<const char*> names) {
  RETURN_IF_ERROR(MountTmpfs(where, 0));
  for (const char* name : names) {
    const std::string link = absl::StrCat(where, "/", name);
    RETURN_IF_ERROR(Check(::symlink(name, link.c_str()), "symlink", link));
  }
  return Check(::mount(nullptr, where, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
               "remount", where);
}

// In a process of its own: a new mount namespace whose root is the tree.
absl::Status BuildTree() {
  RETURN_IF_ERROR(Check(::unshare(CLONE_NEWNS), "unshare", "CLONE_NEWNS"));
  RETURN_IF_ERROR(
      Check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount", "/"));
  ::umask(0);
  // Over /tmp, in this namespace only.
  RETURN_IF_ERROR(Check(::mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0755"), "mount", "tmpfs"));
  RETURN_IF_ERROR(Check(::chdir("/tmp"), "chdir", "/tmp"));
  RETURN_IF_ERROR(MountWithFile("ro", MS_RDONLY));
  RETURN_IF_ERROR(MountWithFile("noexec", MS_RDONLY | MS_NOEXEC));
  RETURN_IF_ERROR(MountTmpfs("volume", 0));
  RETURN_IF_ERROR(MountVirtual("proc", {"self", "version", "1"}));
  RETURN_IF_ERROR(MountVirtual("sys", {"kernel"}));
  RETURN_IF_ERROR(Check(::syscall(SYS_pivot_root, ".", "."), "pivot_root", "."));
  return Check(::umount2(".", MNT_DETACH), "umount2", ".");
}

// Runs `child` in a forked process that then waits, `look` at it from outside, and ends it.
absl::Status WithProcess(const std::function<absl::Status()>& child,
                         const std::function<absl::Status(pid_t)>& look) {
  ASSIGN_OR_RETURN(auto pair, SocketPair());
  const pid_t pid = ::fork();
  RETURN_IF_ERROR(Check(pid, "fork", ""));
  if (pid == 0) {
    pair.first.Reset();
    const absl::Status status = child();
    const std::string word = status.ok() ? "ok" : std::string(status.message());
    if (!SendMessage(pair.second.get(), word).ok()) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  pair.second.Reset();
  auto message = ReceiveMessage(pair.first.get(), 1024, 0);
  absl::Status status = message.ok() && message->data == "ok"
                            ? look(pid)
                            : absl::InternalError(message.ok() ? message->data : "child died");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return status;
}

absl::StatusOr<Fd> OpenOf(pid_t pid, absl::string_view link, int flags) {
  const std::string path = absl::StrCat("/proc/", pid, "/", link);
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open", path);
  return fd;
}

[[noreturn]] void ExecGofer(int boot_socket) {
  // dup2 to the same number would leave close-on-exec set.
  const int moved = ::fcntl(boot_socket, F_DUPFD, 10);
  if (::dup2(moved, kBootFd) == kBootFd) {
    ::execl(MOAT_GOFER_PROGRAM, "moat-gofer", nullptr);
  }
  ::_exit(127);
}

// Everything on one core: thousands of calls go to and fro, and a wake-up on another core is dear.
void StayOnOneCore() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
  ::sched_setaffinity(0, sizeof(one), &one);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestCage>> TestCage::Create() {
  StayOnOneCore();
  auto cage = std::make_unique<TestCage>();
  RETURN_IF_ERROR(cage->MakeTree());
  RETURN_IF_ERROR(cage->MakeUserNamespace());
  RETURN_IF_ERROR(cage->StartGofer());
  return cage;
}

TestCage::~TestCage() {
  client_.reset();
  if (gofer_ <= 0) return;
  ::kill(gofer_, SIGKILL);
  ::waitpid(gofer_, nullptr, 0);
}

absl::Status TestCage::MakeTree() {
  return WithProcess(BuildTree, [this](pid_t pid) -> absl::Status {
    ASSIGN_OR_RETURN(mount_namespace_, OpenOf(pid, "ns/mnt", O_RDONLY));
    ASSIGN_OR_RETURN(tree_, OpenOf(pid, "root", O_RDONLY | O_DIRECTORY));
    return absl::OkStatus();
  });
}

absl::Status TestCage::MakeUserNamespace() {
  const auto isolate = [] {
    return Check(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare", "CLONE_NEWUSER");
  };
  return WithProcess(isolate, [this](pid_t pid) -> absl::Status {
    RETURN_IF_ERROR(WriteFile(absl::StrCat("/proc/", pid, "/uid_map"), kIdentityMap));
    RETURN_IF_ERROR(WriteFile(absl::StrCat("/proc/", pid, "/gid_map"), kIdentityMap));
    ASSIGN_OR_RETURN(user_namespace_, OpenOf(pid, "ns/user", O_RDONLY));
    ASSIGN_OR_RETURN(network_namespace_, OpenOf(pid, "ns/net", O_RDONLY));
    return absl::OkStatus();
  });
}

absl::Status TestCage::StartGofer() {
  ASSIGN_OR_RETURN(auto boot, SocketPair());
  ASSIGN_OR_RETURN(auto service, SocketPair());
  gofer_ = ::fork();
  RETURN_IF_ERROR(Check(gofer_, "fork", ""));
  if (gofer_ == 0) ExecGofer(boot.second.get());
  boot.second.Reset();

  const nlohmann::json message = {
      {"type", "boot"},
      {"keep_capabilities", kFileCapabilities},
      {"stable_mounts", true},
      {"fds", {"user_namespace", "mount_namespace", "net_namespace", "service", "log"}}};
  RETURN_IF_ERROR(SendMessage(boot.first.get(), message.dump(),
                              {user_namespace_.get(), mount_namespace_.get(),
                               network_namespace_.get(), service.second.get(), STDERR_FILENO}));
  service.second.Reset();
  ASSIGN_OR_RETURN(const FdMessage answer, ReceiveMessage(boot.first.get(), kMaxBootMessage, 0));
  if (answer.data != R"({"type":"ready"})") return absl::InternalError(answer.data);
  auto client = Connect(std::move(service.first));
  if (!client.ok()) return ErrnoStatus(client.error().value(), "connect to", "gofer");
  client_ = std::move(client).value();
  return absl::OkStatus();
}

absl::Status TestCage::Enter() const {
  RETURN_IF_ERROR(Check(::setns(mount_namespace_.get(), CLONE_NEWNS), "setns", "mount"));
  return Check(::setns(user_namespace_.get(), CLONE_NEWUSER), "setns", "user");
}

}  // namespace moat::gofer
