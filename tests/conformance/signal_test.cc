// Signals that arrive while calls are being answered, and threads that call at the same time: no
// answer may be wrong, no SA_RESTART call may fail with EINTR.
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

std::atomic<int> signals_seen;

// A timer that signals every millisecond (process-wide) while it lives.
class Ticking {
 public:
  explicit Ticking(int flags) {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals_seen; };
    action.sa_flags = flags;
    sigaction(SIGALRM, &action, nullptr);
    const itimerval every{{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &every, nullptr);
    signals_seen = 0;
  }
  ~Ticking() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    signal(SIGALRM, SIG_DFL);
  }
};

class Signals : public Scratch {};

constexpr int kRounds = 3000;

TEST_F(Signals, PathCallsUnderATimerAllSucceed) {
  WriteFile("file", "content");
  const Ticking ticking(SA_RESTART);
  for (int i = 0; i < kRounds; ++i) {
    struct stat attributes {};
    ASSERT_SUCCESS(stat("file", &attributes));
    ASSERT_EQ(7, attributes.st_size);
    Fd fd(open("file", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  }
  EXPECT_GT(signals_seen, 0);
}
TEST_F(Signals, ExclusiveCreationUnderATimerIsNotDoneTwice) {
  const Ticking ticking(SA_RESTART);
  for (int i = 0; i < kRounds / 3; ++i) {
    // A call that is carried out, interrupted, and silently carried out again would say EEXIST.
    ASSERT_SUCCESS(mkdir("dir", 0755)) << i;
    ASSERT_SUCCESS(rename("dir", "moved")) << i;
    ASSERT_SUCCESS(rmdir("moved")) << i;
    Fd fd(open("file", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
    ASSERT_TRUE(fd.valid()) << i << ": " << NameOfErrno(errno);
    ASSERT_SUCCESS(unlink("file")) << i;
  }
}
TEST_F(Signals, NoDescriptorIsLostUnderATimer) {
  WriteFile("file");
  Fd first(open("file", O_RDONLY));
  const int number = first.get();
  first.Reset();
  {
    const Ticking ticking(SA_RESTART);
    for (int i = 0; i < kRounds; ++i) Fd fd(open("file", O_RDONLY | O_CLOEXEC));
  }
  Fd last(open("file", O_RDONLY));
  EXPECT_EQ(number, last.get());
}
TEST_F(Signals, ForkAndExecUnderATimer) {
  const Ticking ticking(SA_RESTART);
  for (int i = 0; i < 100; ++i) {
    const Ran ran = Execute(Probe("pie"), {"p", "exit", "3"});
    ASSERT_EQ(0, ran.error) << NameOfErrno(ran.error);
    ASSERT_EQ(3, ran.status);
  }
}
TEST_F(Signals, ChdirAndGetcwdUnderATimer) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  const Ticking ticking(SA_RESTART);
  char path[4096];
  for (int i = 0; i < 500; ++i) {
    ASSERT_SUCCESS(chdir("dir"));
    ASSERT_EQ(dir() + "/dir", std::string(getcwd(path, sizeof path)));
    ASSERT_SUCCESS(chdir(".."));
  }
}
TEST_F(Signals, HandlerMayCallPathsItself) {
  WriteFile("file");
  struct sigaction action {};
  action.sa_handler = [](int) {
    const int before = errno;
    struct stat ignored;
    if (stat("file", &ignored) == 0) ++signals_seen;
    errno = before;
  };
  action.sa_flags = SA_RESTART;
  signals_seen = 0;
  sigaction(SIGUSR1, &action, nullptr);
  for (int i = 0; i < 200; ++i) {
    raise(SIGUSR1);
    EXPECT_SUCCESS(access("file", F_OK));
  }
  EXPECT_EQ(200, signals_seen);
}
TEST_F(Signals, BlockedSignalWaitsUntilUnblocked) {
  static volatile sig_atomic_t arrived;
  arrived = 0;
  signal(SIGUSR1, [](int) { arrived = 1; });
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  raise(SIGUSR1);
  EXPECT_SUCCESS(access("/", F_OK));
  EXPECT_EQ(0, arrived);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  EXPECT_EQ(1, arrived);
}
TEST_F(Signals, KilledWhileInAPathCallIsReaped) {
  WriteFile("file");
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) Fd fd(open("file", O_RDONLY));
    }
    usleep(500 + 37 * i);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    ASSERT_EQ(SIGKILL, WTERMSIG(status));
  }
}
TEST_F(Signals, StoppedAndContinuedInPathCalls) {
  WriteFile("file");
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 2000; ++i) {
      if (access("file", F_OK) == -1) _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  for (int i = 0; i < 10; ++i) {
    kill(child, SIGSTOP);
    usleep(1000);
    kill(child, SIGCONT);
    usleep(1000);
  }
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}

class Threads : public Scratch {};

TEST_F(Threads, OpenTheirOwnFilesAtTheSameTime) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t) {
    const std::string name = "file" + std::to_string(t);
    WriteFile(name, name);
    threads.emplace_back([name, &wrong] {
      for (int i = 0; i < 300; ++i) {
        char bytes[16];
        Fd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC));
        if (read(fd.get(), bytes, sizeof bytes) != static_cast<ssize_t>(name.size()) ||
            std::string(bytes, name.size()) != name) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0, wrong);
}
TEST_F(Threads, OnlyOneWinsAnExclusiveCreation) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&winners] {
        if (Fd(open("file", O_CREAT | O_EXCL | O_WRONLY, 0644)).valid()) ++winners;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(1, winners);
    ASSERT_SUCCESS(unlink("file"));
  }
}
TEST_F(Threads, BlockedOpenDoesNotStopOthers) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  std::vector<std::thread> blocked;
  for (int i = 0; i < 20; ++i) {
    blocked.emplace_back([] { Fd reader(open("fifo", O_RDONLY)); });
  }
  usleep(100000);
  for (int i = 0; i < 100; ++i) EXPECT_SUCCESS(access("fifo", F_OK));
  Fd writer(open("fifo", O_RDWR | O_NONBLOCK));
  EXPECT_TRUE(writer.valid());
  for (std::thread& thread : blocked) thread.join();
}
TEST_F(Threads, ExitOfTheLeaderLeavesOthersWorking) {
  WriteFile("file");
  EXPECT_EQ(5, InChild([] {
              std::thread([] {
                usleep(50000);
                for (int i = 0; i < 100; ++i) {
                  if (access("file", F_OK) == -1) _exit(1);
                }
                _exit(5);
              }).detach();
              syscall(SYS_exit, 0);  // this thread alone
              return 0;
            }));
}
TEST_F(Threads, ManyProcessesAtOnce) {
  WriteFile("file");
  std::vector<pid_t> children;
  for (int i = 0; i < 40; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int j = 0; j < 50; ++j) {
        if (!Fd(open("file", O_RDONLY)).valid()) _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
  }
}

}  // namespace
}  // namespace moat::conformance
