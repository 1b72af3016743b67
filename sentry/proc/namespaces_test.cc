// The tree as the sentry uses it: no capability, in a user namespace above the workload's, reading
// the procfs of a pid namespace that it is not in. Needs user namespaces.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/fd_message.h"
#include "base/read_file.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kNamespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS;
constexpr pid_t kWorker = 2;  // in P_B, whose pid 1 is its parent
constexpr uint32_t kWorkerUid = 1000;

// Runs `child` in namespaces of its own, whose user namespace has the ids of the current one, and
// returns its pid. -1: the kernel refuses.
pid_t CloneInto(const std::function<int()>& child) {
  auto gate = SocketPair().value();
  const pid_t pid =
      static_cast<pid_t>(syscall(SYS_clone, kNamespaces | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (pid < 0) return -1;
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    gate.first.Reset();
    if (ReceiveMessage(gate.second.get(), 16, 0).value().data.empty()) _exit(2);
    if (setresuid(0, 0, 0) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("proc", "/proc", "proc", 0, nullptr) != 0) {
      _exit(3);
    }
    _exit(child());
  }
  gate.second.Reset();
  const std::string process = absl::StrCat("/proc/", pid);
  if (WriteFile(process + "/uid_map", "0 0 65536").ok() &&
      WriteFile(process + "/gid_map", "0 0 65536").ok()) {
    EXPECT_TRUE(SendMessage(gate.first.get(), "go").ok());
  }
  return pid;
}

// Pid 1 of P_B: hands its procfs over and starts a program as an ordinary user.
int RunWorkload(int socket) {
  const Fd proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!SendMessage(socket, "proc", {proc.get()}).ok()) return 4;
  const pid_t worker = fork();
  if (worker == 0) {
    if (setresgid(kWorkerUid, kWorkerUid, kWorkerUid) != 0 ||
        setresuid(kWorkerUid, kWorkerUid, kWorkerUid) != 0 || chdir("/usr") != 0) {
      _exit(5);
    }
    dup2(open("/dev/null", O_WRONLY), 7);
    execle("/bin/sleep", "sleep", "60", nullptr,
           std::array<char*, 2>{const_cast<char*>("SECRET=1"), nullptr}.data());
    _exit(6);
  }
  waitpid(worker, nullptr, 0);
  return 0;
}

void DropAllCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ASSERT_EQ(syscall(SYS_capset, &header, none), 0);
}

class Eye {
 public:
  explicit Eye(TreeConfig config) : tree_(MakeVirtualTree(std::move(config)).value()) {
    task_.vtid = task_.vtgid = kWorker;
    task_.uid = task_.gid = {kWorkerUid, kWorkerUid, kWorkerUid, kWorkerUid};
    viewer_.task = &task_;
  }
  std::string Read(const std::string& path) {
    auto opened = tree_->Open(viewer_, path, O_RDONLY);
    if (auto* error = std::get_if<Errno>(&opened)) return absl::StrCat("errno ", error->value());
    auto text = ReadAll(std::get<VirtualOpened>(opened).fd.get(), size_t{1} << 20);
    return text.ok() ? *text : "unreadable";
  }
  std::string Link(const std::string& path) {
    auto text = tree_->ReadLink(viewer_, path);
    if (auto* error = std::get_if<Errno>(&text)) return absl::StrCat("errno ", error->value());
    return std::get<std::string>(text);
  }
  std::vector<std::string> Names(const std::string& path) {
    auto opened = tree_->Open(viewer_, path, O_RDONLY | O_DIRECTORY);
    if (!std::holds_alternative<VirtualOpened>(opened)) return {};
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(
             absl::StrCat("/proc/self/fd/", std::get<VirtualOpened>(opened).fd.get()))) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  bool LeavesWithBase(const std::string& path) {
    auto opened = tree_->Open(viewer_, path, O_RDONLY);
    auto* left = std::get_if<LeftTree>(&opened);
    return left != nullptr && left->base.valid();
  }

 private:
  TaskInfo task_;
  Viewer viewer_;
  std::unique_ptr<VirtualTree> tree_;
};

void LookAtWorker(Eye& eye) {
  // An exec sets it last of all that is looked at here.
  const std::string environment("SECRET=1\0", 9);
  for (int tries = 0; eye.Read("/proc/self/environ") != environment && tries < 500; ++tries) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_THAT(eye.Read("/proc/self/status"), HasSubstr("Pid:\t2\nPPid:\t1\n"));
  EXPECT_THAT(eye.Read("/proc/self/stat"), StartsWith("2 (sleep) "));
  EXPECT_EQ(eye.Read("/proc/self/environ"), environment);
  EXPECT_GE(eye.Read("/proc/self/auxv").size(), 160u);
  EXPECT_THAT(eye.Read("/proc/self/maps"), HasSubstr("sleep"));
  EXPECT_THAT(eye.Names("/proc/self/fd"), Contains("7"));
  EXPECT_EQ(eye.Link("/proc/self/fd/7"), "/dev/null");
  EXPECT_TRUE(eye.LeavesWithBase("/proc/self/fd/7"));
  EXPECT_EQ(eye.Link("/proc/self/cwd"), "/usr");
  EXPECT_THAT(eye.Link("/proc/self/exe"), HasSubstr("sleep"));
  EXPECT_THAT(eye.Link("/proc/self/ns/pid"), StartsWith("pid:["));
}

void LookAround(Eye& eye) {
  EXPECT_THAT(eye.Names("/proc"), Contains("1"));
  EXPECT_THAT(eye.Names("/proc"), Not(Contains("3"))) << "the worker's number in P_A";
  EXPECT_EQ(eye.Read("/proc/1/environ"), absl::StrCat("errno ", EACCES)) << "another user's";
  EXPECT_EQ(eye.Link("/proc/1/exe"), absl::StrCat("errno ", EACCES));
  EXPECT_THAT(eye.Read("/proc/1/stat"), HasSubstr(" 0 0 0 "));
}

// The sentry's part: pid 1 of P_A, in user namespace A. The exit status says whether all held.
int RunSentry() {
  auto sockets = SocketPair().value();
  if (CloneInto([&] { return RunWorkload(sockets.second.get()); }) < 0) return 7;
  auto message = ReceiveMessage(sockets.first.get(), 16, 1).value();
  if (message.fds.size() != 1 || mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) != 0) return 8;
  DropAllCapabilities();
  prctl(PR_SET_DUMPABLE, 1);  // as after the exec that the real one has behind it
  const Fd proc_a(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Fd tmpfs(open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  TreeConfig config;
  config.proc_a = proc_a.get();
  config.proc_b = message.fds[0].get();
  config.tmpfs = tmpfs.get();
  Eye eye(std::move(config));
  LookAtWorker(eye);
  LookAround(eye);
  return ::testing::Test::HasFailure() ? 1 : 0;
}

TEST(TreeInNamespaces, ShowsTheWorkloadWithoutAnyCapability) {
  const pid_t sentry = CloneInto(RunSentry);
  if (sentry < 0) GTEST_SKIP() << "user namespaces can't be made here";
  int status = 0;
  ASSERT_EQ(waitpid(sentry, &status, 0), sentry);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace moat::sentry
