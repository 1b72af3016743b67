// The platform against the real kernel: a supervisor without capabilities in user namespace A,
// guests in B.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "base/linux_abi/errno.h"
#include "base/read_file.h"
#include "platform/tests/sandbox.h"
#include "platform/tests/workload.h"

namespace moat::platform::testing {
namespace {

constexpr char kGuest[] = MOAT_GUEST_DIRECTORY "/platform_guest_pie";

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

std::unique_ptr<Session> MustEnter(Platform& platform, const Trap& trap) {
  auto session = platform.Enter(trap);
  EXPECT_TRUE(session.ok()) << session.error().value();
  return session.ok() ? std::move(*session) : nullptr;
}

std::array<uint64_t, 6> Args(uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
  return {a, b, c, 0, 0, 0};
}

// Field of /proc/TID/stat or "" when it is gone.
char StateOf(pid_t tid) {
  auto stat = ReadFile("/proc/" + std::to_string(tid) + "/stat", 4096);
  return stat.ok() ? (*stat)[stat->rfind(')') + 2] : '\0';
}

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
    EXPECT_EQ(platform
                  .Write(trap, pages.Plus(4094),
                         absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text), 4))
                  .value(),
              4u);
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
      return platform.ReturnFd(trap, null, true);
    }
    if (trap.args[0] == 1) {
      EXPECT_EQ(platform.AddFdAt(trap, null, -1, true).error(), Errno(EBADF));
      EXPECT_TRUE(platform.AddFdAt(trap, null, 50, true).ok());
      EXPECT_TRUE(platform.AddFdAt(trap, null, 50, false).ok());
      return platform.ReturnValue(trap, 0);
    }
    EXPECT_EQ(platform.AddFd(trap, null, true).error(), Errno(EMFILE));
    platform.ReturnFd(trap, null, true);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "fds"})), 0);
}

// One-step answers can't be taken back by the kernel: a signal in the middle must not come through.
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
    platform.ReturnFd(trap, null, true);
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
  const std::string one_step = TimeOf(
      opens, [&](Platform& platform, const Trap& trap) { platform.ReturnFd(trap, null, true); });
  const std::string two_steps = TimeOf(opens, [&](Platform& platform, const Trap& trap) {
    platform.ReturnValue(trap, platform.AddFd(trap, null, true).value());
  });
  std::printf("a trap: %s us; a descriptor and its close: %s us in one step, %s us in two\n",
              value.c_str(), one_step.c_str(), two_steps.c_str());
}

TEST(Session, RunsSeveralCallsAndKeepsTheRegisters) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    const GuestAddr scratch = session->MapScratch(4096).value();
    EXPECT_TRUE(platform
                    .Write(trap, scratch,
                           absl::MakeConstSpan(reinterpret_cast<const std::byte*>("/lib64"), 7))
                    .ok());
    EXPECT_TRUE(session->Call(__NR_chdir, Args(scratch.value())).ok());
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    EXPECT_EQ(session->Call(__NR_fchdir, Args(77)).error(), Errno(EBADF));
    session->UnmapScratch(scratch, 4096);
    EXPECT_EQ(session->Call(__NR_chdir, Args(scratch.value())).error(), Errno(EFAULT));
    session->Finish(0xfeedfacecafe);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).error(), Errno(ESRCH));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "registers"})), 0);
}

TEST(Session, AnswersEintrWhenItIsDropped) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) { MustEnter(platform, trap); });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 255);
}

TEST(Session, PassesTheFilterByTheCookieOnly) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    const GuestAddr scratch = session->MapScratch(4096).value();
    EXPECT_TRUE(platform
                    .Write(trap, scratch,
                           absl::MakeConstSpan(reinterpret_cast<const std::byte*>("/lib"), 5))
                    .ok());
    std::array<uint64_t, 6> args = Args(scratch.value());
    args[5] = platform.cookie();
    EXPECT_TRUE(session->Call(__NR_chroot, args).ok());
    session->Finish(0);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 0);
}

TEST(Session, RestartsOnlyWhenMeant) {
  std::atomic<int> calls{0};
  Sandbox sandbox([&](Platform& platform, const Trap& trap) {
    if (++calls == 1) return MustEnter(platform, trap)->Finish(-linux_abi::kErestartNoIntr);
    if (calls == 2) return platform.ReturnRestart(trap);
    MustEnter(platform, trap)->Finish(calls);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 3);
}

TEST(Session, CannotEnterATracedTask) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = platform.Enter(trap);
    EXPECT_FALSE(session.ok());
    EXPECT_EQ(session.error(), Errno(EPERM));
    platform.ReturnValue(trap, 9);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "traced"})), 9);
}

TEST(Session, SurvivesSignals) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    session->Finish(static_cast<int64_t>(trap.args[0]));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "sessions", "2000", "200"})), 0);
}

TEST(Session, LeavesSigtrapToTheProgram) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    EXPECT_EQ(::kill(trap.tid, SIGTRAP), 0);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    session->Finish(5);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "sigtrap"})), 0);
}

TEST(Session, TellsItsStepFromASigtrapThatIsSent) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    for (int i = 0; i < 3; ++i) {
      auto parent = session->Call(__NR_getppid, Args());
      EXPECT_EQ(parent.ok() ? *parent : 0, 1u);
    }
    session->Finish(static_cast<int64_t>(trap.args[0]));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "disturbed", "3000"})), 0);
}

TEST(Session, StopsAfterwardsWhenStoppedMeanwhile) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    EXPECT_EQ(::kill(trap.tid, SIGSTOP), 0);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
    session->Finish(3);
    for (int i = 0; i < 1000 && StateOf(trap.tid) != 'T'; ++i) ::usleep(1000);
    EXPECT_EQ(StateOf(trap.tid), 'T');
    EXPECT_EQ(::kill(trap.tid, SIGCONT), 0);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 3);
}

TEST(Session, EndsWithTheTask) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).ok(), true);
    EXPECT_EQ(::kill(trap.tid, SIGKILL), 0);
    EXPECT_EQ(session->Call(__NR_getppid, Args()).error(), Errno(ESRCH));
    EXPECT_EQ(session->Call(__NR_getppid, Args()).error(), Errno(ESRCH));
    session->Finish(0);
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "killed"})), 0);
  EXPECT_EQ(sandbox.end(), ECANCELED);
}

TEST(Session, EndsWithATaskThatExits) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    EXPECT_EQ(session->Call(__NR_exit_group, Args(6)).error(), Errno(ESRCH));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "trap"})), 6);
}

// A handler for guests that are stopped, killed and replaced at any moment: results don't matter,
// coming back does.
void TwoCalls(Platform& platform, const Trap& trap) {
  auto session = platform.Enter(trap);
  if (!session.ok()) return platform.ReturnErrno(trap, session.error());
  (void)(*session)->Call(__NR_getppid, Args()).ok();
  (void)(*session)->Call(__NR_getppid, Args()).ok();
  (*session)->Finish(static_cast<int64_t>(trap.args[0]));
}

TEST(Session, SurvivesAStormOfSignals) {
  Sandbox sandbox(TwoCalls);
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "storm", "400", kGuest})), 0);
}

TEST(Session, SurvivesExecsThatRace) {
  Sandbox sandbox(TwoCalls);
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "race", "200", kGuest})), 0);
}

TEST(Session, SurvivesAnInstructionThatChangesUnderIt) {
  std::atomic<int> caught{0};
  Sandbox sandbox([&](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    auto parent = session->Call(__NR_getppid, Args());
    if (!parent.ok() && parent.error() == Errno(EFAULT)) ++caught;
    session->Finish(static_cast<int64_t>(trap.args[0]));
  });
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "swap", "3000"})), 0);
  EXPECT_GT(caught, 0);
}

TEST(Session, EntersPidOne) {
  Sandbox sandbox(TwoCalls);
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "sessions", "100", "500"}, RunAs::kInit)), 0);
}

TEST(Session, LeavesNothingBehindAfterTenThousand) {
  const int before = CountDescriptors();
  {
    Sandbox sandbox([](Platform& platform, const Trap& trap) {
      auto session = MustEnter(platform, trap);
      EXPECT_EQ(session->Call(__NR_getppid, Args()).value(), 1u);
      session->Finish(static_cast<int64_t>(trap.args[0]));
    });
    EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "sessions", "10000", "1000"})), 0);
    std::printf("a session with one call: %s us\n", sandbox.output().c_str());
  }
  EXPECT_EQ(CountDescriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, __WALL | WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace moat::platform::testing

int main(int argc, char** argv) {
  moat::platform::testing::BecomeSupervisor();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
