#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu_list.h"
#include "base/fd.h"
#include "base/fd_message.h"
#include "base/landlock.h"
#include "base/linux_abi/landlock.h"
#include "base/read_file.h"
#include "base/result.h"
#include "base/status.h"

namespace moat {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Errno(EINVAL);
  return n / 2;
}
Result<int> Quarter(int n) {
  TRY_ASSIGN(const int half, Half(n));
  return Half(half);
}

TEST(CpuList, IsReadAsTheKernelWritesIt) {
  const auto cpus = [](auto... numbers) { return std::vector<int>{numbers...}; };
  EXPECT_EQ(ParseCpuList("0-2,5\n"), cpus(0, 1, 2, 5));
  EXPECT_EQ(ParseCpuList("7"), cpus(7));
  EXPECT_EQ(ParseCpuList("\n"), cpus());
  EXPECT_EQ(ParseCpuList("x,1,-2,3-y,4-3,5-99999,6"), cpus(1, 6));
}

TEST(Result, CarriesValueOrErrno) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().value(), EINVAL);
}

TEST(Status, KeepsTheExactErrno) {
  const absl::Status status = Annotate(ErrnoStatus(EROFS, "openat2", "/x"), "container c1");
  EXPECT_EQ(status.message(), "container c1: openat2 /x: EROFS (Read-only file system)");
  EXPECT_EQ(StatusErrno(status), EROFS);
}

TEST(FdMessage, CarriesDataAndDescriptors) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello", {null.get()}).ok());
  auto message = ReceiveMessage(pair->second.get(), 100, 1);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->data, "hello");
  ASSERT_EQ(message->fds.size(), 1u);
  EXPECT_EQ(::fcntl(message->fds[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(FdMessage, RefusesWhatIsTooLargeAndLeaksNothing) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  const int before = ::dup(0);
  ::close(before);
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello", {0, 1}).ok());
  EXPECT_FALSE(ReceiveMessage(pair->second.get(), 100, 1).ok());
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(before, after);
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello").ok());
  EXPECT_FALSE(ReceiveMessage(pair->second.get(), 4, 1).ok());
}

TEST(ReadFile, IsBounded) {
  EXPECT_EQ(ReadFileAt(AT_FDCWD, "/proc/self/status", 10).error().value(), EFBIG);
  EXPECT_TRUE(ReadFile("/proc/self/status", 1 << 16).ok());
}

// The exit status of a child that runs `body` under no_new_privs.
int InChild(int (*body)()) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? body() : 100);
  int status = -1;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

long LandlockAbi() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

TEST(Landlock, NamesOfFilesCannotBeChanged) {
  if (LandlockAbi() < 3) GTEST_SKIP() << "the kernel has no Landlock of ABI 3";
  EXPECT_EQ(InChild([] {
              const Fd before(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
              if (!GiveUpChangingNames().ok()) return 1;
              if (::mkdir("/tmp/moat-landlock", 0700) == 0 || errno != EACCES) return 2;
              if (::open("/tmp/moat-landlock", O_CREAT | O_WRONLY, 0600) >= 0) return 3;
              if (::open("/tmp", O_RDONLY | O_DIRECTORY) >= 0) return 4;
              if (::fchdir(before.get()) < 0) return 5;  // held from before
              return ::open("/proc/self/exe", O_RDONLY) < 0 ? 6 : 0;
            }),
            0);
}

TEST(Landlock, OthersCannotBeReached) {
  if (LandlockAbi() < 6) GTEST_SKIP() << "the kernel has no Landlock of ABI 6";
  EXPECT_EQ(InChild([] {
              if (!GiveUpReachingOthers().ok()) return 1;
              if (::kill(::getppid(), 0) == 0 || errno != EPERM) return 2;
              return ::kill(::getpid(), 0) == 0 ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace moat
