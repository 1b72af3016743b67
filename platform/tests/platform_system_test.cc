// The platform against the real kernel: a supervisor without capabilities in user namespace A,
// guests in B.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "platform/tests/sandbox.h"
#include "platform/tests/workload.h"

namespace moat::platform::testing {
namespace {

TEST(Platform, EndsWithTheLastTask) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) { platform.ReturnValue(trap, 42); });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 42);
  EXPECT_EQ(sandbox.end(), ECANCELED);
}

TEST(Platform, CopiesMemoryPageByPage) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    const GuestAddr pages(trap.args[0]);
    std::byte buffer[3 * 4096];
    EXPECT_EQ(platform.Read(trap, pages, absl::MakeSpan(buffer)).value(), 2u * 4096);
    EXPECT_EQ(buffer[0], std::byte{'a'});
    EXPECT_EQ(platform.Read(trap, pages.Plus(2 * 4096), absl::MakeSpan(buffer)).error(),
              Errno(EFAULT));
    EXPECT_EQ(platform.Read(trap, GuestAddr(~uint64_t{0}), absl::MakeSpan(buffer)).error(),
              Errno(EFAULT));
    EXPECT_EQ(platform.Read(trap, GuestAddr(0), absl::MakeSpan(buffer)).error(), Errno(EFAULT));
    EXPECT_EQ(platform.Read(trap, pages, absl::Span<std::byte>()).value(), 0u);
    const char text[] = "wxyz";
    EXPECT_EQ(platform.Write(trap, pages.Plus(4094), BytesOf(text, 4)).value(), 4u);
    EXPECT_EQ(platform.Write(trap, pages.Plus(2 * 4096 - 5), absl::MakeConstSpan(buffer)).value(),
              5u);
    EXPECT_TRUE(platform.StillWaits(trap));
    platform.ReturnValue(trap, 7);
    EXPECT_FALSE(platform.StillWaits(trap));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "memory"})), 0);
}

TEST(Platform, GivesDescriptors) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Fd path(::open("/", O_PATH | O_CLOEXEC));
    if (trap.args[0] == 0) {
      EXPECT_EQ(platform.AddFd(trap, path, false).error(), Errno(EBADF));
      return ReturnFd(platform, trap, null);
    }
    if (trap.args[0] == 1) {
      EXPECT_EQ(platform.AddFdAt(trap, null, -1, true).error(), Errno(EBADF));
      EXPECT_TRUE(platform.AddFdAt(trap, null, 50, true).ok());
      EXPECT_TRUE(platform.AddFdAt(trap, null, 50, false).ok());
      return platform.ReturnValue(trap, 0);
    }
    EXPECT_EQ(platform.AddFd(trap, null, true).error(), Errno(EMFILE));
    ReturnFd(platform, trap, null);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "fds"})), 0);
}

void Ignore(int) {}

TEST(Platform, GivesDescriptorsWhileSignalsComeIn) {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  struct sigaction action = {};
  action.sa_handler = Ignore;
  ASSERT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
  const itimerval often = {{0, 50}, {0, 50}}, never = {};
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_BLOCK, &alarm, nullptr);  // here; the workers take them
  Sandbox sandbox([&](Platform& platform, const Trap& trap) {
    ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
    ::setitimer(ITIMER_REAL, &often, nullptr);
    ReturnFd(platform, trap, null);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "opens", "50000"})), 0);
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
}

std::string TimeOf(const std::vector<std::string>& argv, Handler handler) {
  Sandbox sandbox(std::move(handler));
  EXPECT_EQ(ExitCode(sandbox.Run(argv)), 0);
  return sandbox.output();
}

TEST(Platform, TellsItsTimes) {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<std::string> calls = {kGuest, "sessions", "5000"},
                                 opens = {kGuest, "opens", "5000"};
  const std::string value = TimeOf(calls, [](Platform& platform, const Trap& trap) {
    platform.ReturnValue(trap, static_cast<int64_t>(trap.args[0]));
  });
  const std::string descriptor =
      TimeOf(opens, [&](Platform& platform, const Trap& trap) { ReturnFd(platform, trap, null); });
  std::printf("a trap: %s us; a descriptor and its close: %s us\n", value.c_str(),
              descriptor.c_str());
}

}  // namespace
}  // namespace moat::platform::testing

int main(int argc, char** argv) {
  moat::platform::testing::BecomeSupervisor();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
