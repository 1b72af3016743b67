#include "tests/conformance/conformance.h"

#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace moat::conformance {
namespace {

// Exit codes of a child that could not even begin.
constexpr int kChildSetUpFailed = 250;

Options& MutableOptions() {
  static Options* options = new Options;
  return *options;
}

bool TakeFlag(const std::string& argument, const std::string& name, std::string* value) {
  const std::string prefix = "--" + name + "=";
  if (argument.rfind(prefix, 0) != 0) return false;
  *value = argument.substr(prefix.size());
  return true;
}

int Decode(int wait_status) {
  return WIFSIGNALED(wait_status) ? 1000 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) == -1) {
    if (errno != EINTR) return -1;
  }
  return Decode(status);
}

bool TakeOn(const Identity& identity) {
  return setgroups(identity.groups.size(), identity.groups.data()) == 0 &&
         setresgid(identity.gid, identity.gid, identity.gid) == 0 &&
         setresuid(identity.uid, identity.uid, identity.uid) == 0;
}

}  // namespace

const Options& GetOptions() { return MutableOptions(); }

bool ParseOptions(int argc, char** argv) {
  Options& options = MutableOptions();
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!TakeFlag(argument, "scratch", &options.scratch) &&
        !TakeFlag(argument, "probes", &options.probes) &&
        !TakeFlag(argument, "read_only", &options.read_only)) {
      return false;
    }
  }
  return !options.scratch.empty() && !options.probes.empty() && !options.read_only.empty();
}

std::string NameOfErrno(int error) {
  if (error == 0) return "success";
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "code " + std::to_string(error);
}

void Scratch::SetUp() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "." + info->name();
  std::replace(name.begin(), name.end(), '/', '-');
  dir_ = GetOptions().scratch + "/" + name;
  std::filesystem::remove_all(dir_);
  umask(022);
  ASSERT_SUCCESS(mkdir(dir_.c_str(), 0755));
  ASSERT_SUCCESS(chdir(dir_.c_str()));
}

void Scratch::TearDown() {
  EXPECT_SUCCESS(chdir("/"));
  std::error_code ignored;  // a case may have left something that only it can remove
  std::filesystem::remove_all(dir_, ignored);
}

void WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_TRUE(fd.valid()) << path << ": " << NameOfErrno(errno);
  ASSERT_EQ(static_cast<ssize_t>(content.size()), write(fd.get(), content.data(), content.size()));
  ASSERT_SUCCESS(fchmod(fd.get(), mode));
}

std::string ReadAll(int fd) {
  std::string content;
  char buffer[65536];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) != 0;) {
    if (n > 0) {
      content.append(buffer, static_cast<size_t>(n));
    } else if (errno != EINTR) {
      ADD_FAILURE() << "read: " << NameOfErrno(errno);
      break;
    }
  }
  return content;
}

std::string ReadFile(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    ADD_FAILURE() << path << ": " << NameOfErrno(errno);
    return "";
  }
  return ReadAll(fd.get());
}

bool Exists(const std::string& path) {
  struct stat ignored;
  return lstat(path.c_str(), &ignored) == 0;
}

struct stat StatOf(const std::string& path) {
  struct stat attributes {};
  EXPECT_SUCCESS(lstat(path.c_str(), &attributes)) << path;
  return attributes;
}

mode_t ModeOf(const std::string& path) { return StatOf(path).st_mode & 07777; }

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  return child == -1 ? -1 : WaitFor(child);
}

int As(const Identity& identity, const std::function<int()>& body) {
  return InChild([&] { return TakeOn(identity) ? body() : kChildSetUpFailed; });
}

int AddFilter(unsigned call, unsigned fate, unsigned flags) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, fate),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{4, program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return ErrnoOf(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

void BurnCpu(int milliseconds) {
  const clock_t end = clock() + milliseconds * (CLOCKS_PER_SEC / 1000);
  while (clock() < end) {
  }
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Ran ExecuteBy(const std::function<void()>& exec) {
  int out[2], failure[2];
  Ran ran;
  if (pipe2(out, O_CLOEXEC) == -1 || pipe2(failure, O_CLOEXEC) == -1) {
    ran.error = errno;
    return ran;
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    exec();
    const int error = errno;
    _exit(write(failure[1], &error, sizeof error) == sizeof error ? 0 : kChildSetUpFailed);
  }
  close(out[1]);
  close(failure[1]);
  Fd out_read(out[0]), failure_read(failure[0]);
  if (read(failure_read.get(), &ran.error, sizeof ran.error) != sizeof ran.error) ran.error = 0;
  ran.output = ReadAll(out_read.get());
  ran.status = WaitFor(child);
  return ran;
}

Ran Execute(const std::string& path, const std::vector<std::string>& argv,
            const std::vector<std::string>& envp) {
  return ExecuteBy([&] { execve(path.c_str(), Pointers(argv).data(), Pointers(envp).data()); });
}

std::string Probe(const std::string& name) { return GetOptions().probes + "/" + name; }

}  // namespace moat::conformance

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (!moat::conformance::ParseOptions(argc, argv)) {
    fputs("usage: conformance --scratch=DIR --probes=DIR --read_only=DIR [--gtest_...]\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
