// Sessions against the real kernel, and against guests that do their worst meanwhile.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "base/linux_abi/errno.h"
#include "base/read_file.h"
#include "platform/tests/sandbox.h"

namespace moat::platform::testing {
namespace {

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

TEST(Session, RunsSeveralCallsAndKeepsTheRegisters) {
  Sandbox sandbox([](Platform& platform, const Trap& trap) {
    auto session = MustEnter(platform, trap);
    const GuestAddr scratch = session->MapScratch(4096).value();
    EXPECT_TRUE(platform.Write(trap, scratch, BytesOf("/lib64", 7)).ok());
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
    EXPECT_TRUE(platform.Write(trap, scratch, BytesOf("/lib", 5)).ok());
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

// Two calls that change nothing, then the first argument and 100.
void TwoCallsPlus100(Platform& platform, const Trap& trap) {
  auto session = MustEnter(platform, trap);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->Call(__NR_fchdir, Args(77)).error(), Errno(EBADF));
  EXPECT_TRUE(session->Call(__NR_getppid, Args()).ok());
  session->Finish(static_cast<int64_t>(trap.args[0]) + 100);
}

TEST(TracedSession, EntersATaskThatIsTracedInside) {
  Sandbox sandbox(TwoCallsPlus100);
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "traced"})), 100);
}

TEST(TracedSession, ShowsTheTracerEachCallOnce) {
  for (const char* kind : {"seize", "traceme"}) {
    Sandbox sandbox(TwoCallsPlus100);
    EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "syscalls", kind})), 7) << kind;
  }
}

TEST(TracedSession, ShowsNothingToATracerThatOnlyContinues) {
  for (const char* kind : {"seize", "traceme"}) {
    Sandbox sandbox(TwoCallsPlus100);
    EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "continues", kind})), 7) << kind;
  }
}

TEST(TracedSession, IsOneStepOfAStepper) {
  Sandbox sandbox(TwoCallsPlus100);
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "steps"})), 7);
}

TEST(TracedSession, ShowsTheTracerAnExecAsTheKernelDoes) {
  for (const char* kind : {"s", "t", "S", "T", "c", "C"}) {
    Sandbox sandbox([](Platform& platform, const Trap& trap) { platform.ReturnValue(trap, 23); });
    EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "execs", kind, kGuest, "trap"})), 23) << kind;
  }
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
  EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "race", "200", kGuest})), 0) << sandbox.output();
}

TEST(Session, SurvivesAnInstructionThatChangesUnderIt) {
  constexpr int kRounds = 10;
  std::atomic<int> caught{0};
  for (int round = 0; round < kRounds && caught == 0; ++round) {
    Sandbox sandbox([&](Platform& platform, const Trap& trap) {
      auto session = MustEnter(platform, trap);
      auto parent = session->Call(__NR_getppid, Args());
      if (!parent.ok() && parent.error() == Errno(EFAULT)) ++caught;
      session->Finish(static_cast<int64_t>(trap.args[0]));
    });
    EXPECT_EQ(ExitCode(sandbox.Run({kGuest, "swap", "3000"})), 0);
  }
  // Needs two CPUs that are free at the same moment.
  if (caught == 0) GTEST_SKIP() << "the instruction never changed between two steps";
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
