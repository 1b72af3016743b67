// Signals: actions, masks, queues, EINTR and SA_RESTART in mediated and native calls, signalfd.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

std::atomic<int> count{0};
std::atomic<int> last_value{0};
std::atomic<int> last_code{0};
std::atomic<pid_t> last_pid{0};

void Count(int) { ++count; }
void Note(int, siginfo_t* info, void*) {
  ++count;
  last_value = info->si_value.sival_int;
  last_code = info->si_code;
  last_pid = info->si_pid;
}
void Handle(int signal_number, int flags = 0) {
  struct sigaction action {};
  action.sa_flags = flags;
  if (flags & SA_SIGINFO) {
    action.sa_sigaction = Note;
  } else {
    action.sa_handler = Count;
  }
  sigaction(signal_number, &action, nullptr);
}
sigset_t SetOf(int signal_number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  return set;
}

class SignalRules : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    count = 0;
  }
  void TearDown() override {
    for (int s : {SIGALRM, SIGUSR1, SIGUSR2, SIGCHLD, SIGRTMIN, SIGSEGV}) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    Scratch::TearDown();
  }
};

// A call that waits for ever, ended by a signal: what it gives with and without SA_RESTART
// (signal(7), "Interruption of system calls and library functions by signal handlers").
struct Waiting {
  const char* name;
  bool restarts;
  int (*run)();
};
int OnPipe(int (*run)(int)) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return 199;
  const int error = run(ends[0]);
  close(ends[0]);
  close(ends[1]);
  return error;
}
const Waiting kWaiting[] = {
    {"read_pipe", true,
     [] {
       return OnPipe([](int fd) {
         char b;
         return ErrnoOf(read(fd, &b, 1));
       });
     }},
    {"poll", false,
     [] {
       return OnPipe([](int fd) {
         pollfd p{fd, POLLIN, 0};
         return ErrnoOf(poll(&p, 1, -1));
       });
     }},
    {"select", false,
     [] {
       return OnPipe([](int fd) {
         fd_set s;
         FD_ZERO(&s);
         FD_SET(fd, &s);
         return ErrnoOf(select(fd + 1, &s, nullptr, nullptr, nullptr));
       });
     }},
    {"epoll_wait", false,
     [] {
       Fd e(epoll_create1(EPOLL_CLOEXEC));
       epoll_event v;
       return ErrnoOf(epoll_wait(e.get(), &v, 1, -1));
     }},
    {"pause", false, [] { return ErrnoOf(pause()); }},
    {"nanosleep", false,
     [] {
       const timespec t{100, 0};
       return ErrnoOf(nanosleep(&t, nullptr));
     }},
    {"clock_nanosleep", false,
     [] {
       const timespec t{100, 0};
       return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);
     }},
    {"waitpid", true, [] { return ErrnoOf(waitpid(-1, nullptr, 0)); }},
    {"waitid", true,
     [] {
       siginfo_t i;
       return ErrnoOf(waitid(P_ALL, 0, &i, WEXITED));
     }},
    {"flock_wait", true,
     [] {
       struct flock l {};
       l.l_type = F_WRLCK;
       l.l_whence = SEEK_SET;
       Fd f(open("locked", O_RDWR));
       return ErrnoOf(fcntl(f.get(), F_SETLKW, &l));
     }},
    {"accept", true,
     [] {
       Fd s(socket(AF_INET, SOCK_STREAM, 0));
       listen(s.get(), 1);
       return ErrnoOf(accept(s.get(), nullptr, nullptr));
     }},
    {"recv", true,
     [] {
       int p[2];
       socketpair(AF_UNIX, SOCK_STREAM, 0, p);
       char b;
       return ErrnoOf(recv(p[0], &b, 1, 0));
     }},
    {"recv_with_timeout", false,
     [] {
       int p[2];
       socketpair(AF_UNIX, SOCK_STREAM, 0, p);
       const timeval t{100, 0};
       setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
       char b;
       return ErrnoOf(recv(p[0], &b, 1, 0));
     }},
    {"open_fifo", true, [] { return ErrnoOf(open("fifo", O_RDONLY)); }},
    {"open_fifo_to_write", true, [] { return ErrnoOf(open("fifo", O_WRONLY)); }},
    {"sigsuspend", false,
     [] {
       sigset_t s;
       sigemptyset(&s);
       return ErrnoOf(sigsuspend(&s));
     }},
    {"sigtimedwait", false,
     [] {
       const sigset_t s = SetOf(SIGUSR2);
       const timespec t{100, 0};
       return ErrnoOf(sigtimedwait(&s, nullptr, &t));
     }},
};
class Interrupted : public SignalRules, public ::testing::WithParamInterface<Waiting> {
 protected:
  void SetUp() override {
    SignalRules::SetUp();
    ASSERT_SUCCESS(mkfifo("fifo", 0644));
    WriteFile("locked");
  }
  // A child with a child of its own, and with somebody who holds the lock; the signal comes every
  // 50 ms, and after a second another kills a child that was not interrupted (result 1000 +
  // SIGUSR1).
  static int Run(int flags) {
    return InChild([flags] {
      int ready[2];
      if (pipe2(ready, O_CLOEXEC) != 0) return 199;
      if (fork() == 0) {
        struct flock l {};
        l.l_type = F_WRLCK;
        l.l_whence = SEEK_SET;
        Fd file(open("locked", O_RDWR));
        fcntl(file.get(), F_SETLK, &l);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        usleep(2000000);
        _exit(0);
      }
      char byte;
      if (read(ready[0], &byte, 1) != 1) return 198;
      Handle(SIGALRM, flags);
      const itimerval soon{{0, 50000}, {0, 50000}};
      setitimer(ITIMER_REAL, &soon, nullptr);
      const pid_t self = getpid();
      if (fork() == 0) {
        usleep(1000000);
        kill(self, SIGUSR1);
        _exit(0);
      }
      return GetParam().run();
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Call, Interrupted, ::testing::ValuesIn(kWaiting),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_P(Interrupted, WithoutRestartIsEintr) { EXPECT_CHILD_ERRNO(EINTR, Run(0)); }
TEST_P(Interrupted, WithRestart) {
  if (GetParam().restarts) {
    EXPECT_EQ(1000 + SIGUSR1, Run(SA_RESTART));
  } else {
    EXPECT_CHILD_ERRNO(EINTR, Run(SA_RESTART));
  }
}

TEST_F(SignalRules, StandardSignalsAreNotQueued) {
  Handle(SIGUSR1);
  const sigset_t set = SetOf(SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  for (int i = 0; i < 5; ++i) kill(getpid(), SIGUSR1);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  EXPECT_EQ(1, count);
}
TEST_F(SignalRules, RealTimeSignalsAreQueued) {
  Handle(SIGRTMIN, SA_SIGINFO);
  const sigset_t set = SetOf(SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  for (int i = 1; i <= 5; ++i) {
    sigval value;
    value.sival_int = i;
    ASSERT_SUCCESS(sigqueue(getpid(), SIGRTMIN, value));
  }
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  EXPECT_EQ(5, count);
  EXPECT_EQ(5, last_value);
  EXPECT_EQ(SI_QUEUE, last_code);
}
TEST_F(SignalRules, InfoNamesTheSender) {
  Handle(SIGUSR1, SA_SIGINFO);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    kill(parent, SIGUSR1);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(1, count);
  EXPECT_EQ(child, last_pid);
  EXPECT_EQ(SI_USER, last_code);
}
TEST_F(SignalRules, TkillTellsSo) {
  Handle(SIGUSR1, SA_SIGINFO);
  ASSERT_SUCCESS(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
  EXPECT_EQ(SI_TKILL, last_code);
}
TEST_F(SignalRules, ResetHandIsForOnce) {
  EXPECT_EQ(1000 + SIGUSR1, InChild([] {
              Handle(SIGUSR1, static_cast<int>(SA_RESETHAND));
              raise(SIGUSR1);
              if (count != 1) return 1;
              raise(SIGUSR1);
              return 2;
            }));
}
TEST_F(SignalRules, KillAndStopCannotBeCaught) {
  struct sigaction action {};
  action.sa_handler = Count;
  EXPECT_ERRNO(EINVAL, sigaction(SIGKILL, &action, nullptr));
  EXPECT_ERRNO(EINVAL, sigaction(SIGSTOP, &action, nullptr));
  EXPECT_ERRNO(EINVAL, sigaction(77, &action, nullptr));
}
TEST_F(SignalRules, MaskIsInheritedByFork) {
  const sigset_t set = SetOf(SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  EXPECT_EQ(0, InChild([] {
              sigset_t now;
              sigprocmask(SIG_BLOCK, nullptr, &now);
              return sigismember(&now, SIGUSR2) == 1 ? 0 : 1;
            }));
}
TEST_F(SignalRules, PendingSignalsAreNotInherited) {
  const sigset_t set = SetOf(SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  raise(SIGUSR1);
  EXPECT_EQ(0, InChild([] {
              sigset_t pending;
              sigpending(&pending);
              return sigismember(&pending, SIGUSR1);
            }));
  Handle(SIGUSR1);
}
TEST_F(SignalRules, SigtimedwaitTakesAPendingOne) {
  const sigset_t set = SetOf(SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  raise(SIGUSR1);
  siginfo_t info{};
  const timespec none{};
  EXPECT_EQ(SIGUSR1, sigtimedwait(&set, &info, &none));
  EXPECT_ERRNO(EAGAIN, sigtimedwait(&set, &info, &none));
}
TEST_F(SignalRules, SignalfdReadsThem) {
  const sigset_t set = SetOf(SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  signalfd_siginfo info{};
  EXPECT_ERRNO(EAGAIN, read(fd.get(), &info, sizeof info));
  sigval value;
  value.sival_int = 33;
  sigqueue(getpid(), SIGUSR1, value);
  EXPECT_EQ(static_cast<ssize_t>(sizeof info), read(fd.get(), &info, sizeof info));
  EXPECT_EQ(static_cast<uint32_t>(SIGUSR1), info.ssi_signo);
  EXPECT_EQ(33, info.ssi_int);
  EXPECT_EQ(static_cast<uint32_t>(getpid()), info.ssi_pid);
}
TEST_F(SignalRules, SignalfdErrors) {
  const sigset_t set = SetOf(SIGUSR1);
  EXPECT_ERRNO(EINVAL, signalfd(-1, &set, 0x1));
  EXPECT_ERRNO(EINVAL, signalfd(0, &set, 0));
  EXPECT_ERRNO(EBADF, signalfd(999, &set, 0));
}
TEST_F(SignalRules, AlternateStackIsUsed) {
  EXPECT_EQ(0, InChild([] {
              static char stack[65536];
              static std::atomic<bool> on_it{false};
              stack_t alternate{};
              alternate.ss_sp = stack;
              alternate.ss_size = sizeof stack;
              if (sigaltstack(&alternate, nullptr) != 0) return 1;
              struct sigaction action {};
              action.sa_handler = [](int) {
                char here;
                on_it = &here > stack && &here < stack + sizeof stack;
                ReadFile("/etc/hostname");  // a mediated call on a small stack
              };
              action.sa_flags = SA_ONSTACK;
              sigaction(SIGUSR1, &action, nullptr);
              raise(SIGUSR1);
              return on_it ? 0 : 2;
            }));
}
TEST_F(SignalRules, SmallAlternateStackIsEnomem) {
  static char stack[64];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  EXPECT_ERRNO(ENOMEM, sigaltstack(&alternate, nullptr));
}
TEST_F(SignalRules, FaultTellsTheAddress) {
  EXPECT_EQ(0, InChild([] {
              static void* page =
                  mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              struct sigaction action {};
              action.sa_flags = SA_SIGINFO;
              action.sa_sigaction = [](int, siginfo_t* info, void*) {
                _exit(info->si_addr == page && info->si_code == SEGV_ACCERR ? 0 : 1);
              };
              sigaction(SIGSEGV, &action, nullptr);
              *static_cast<volatile char*>(page) = 1;
              return 2;
            }));
}
TEST_F(SignalRules, ReadingBeyondAMappedFileIsSigbus) {
  WriteFile("file", "x");
  EXPECT_EQ(1000 + SIGBUS, InChild([] {
              Fd file(open("file", O_RDWR));
              void* map = mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file.get(), 0);
              return static_cast<volatile char*>(map)[4096] + 1;
            }));
}
TEST_F(SignalRules, DirectedSignalReachesItsThread) {
  static std::atomic<pid_t> taken{0};
  struct sigaction action {};
  action.sa_handler = [](int) { taken = gettid(); };
  sigaction(SIGUSR1, &action, nullptr);
  std::atomic<bool> done{false};
  std::atomic<pid_t> tid{0};
  std::thread thread([&] {
    tid = gettid();
    while (!done) Exists("/etc/passwd");
  });
  while (tid == 0) usleep(100);
  ASSERT_SUCCESS(syscall(SYS_tgkill, getpid(), tid.load(), SIGUSR1));
  for (int i = 0; i < 1000 && taken == 0; ++i) usleep(1000);
  done = true;
  thread.join();
  EXPECT_EQ(tid, taken);
}
TEST_F(SignalRules, NestedHandlersInMediatedCalls) {
  static std::atomic<int> deep{0};
  struct sigaction action {};
  action.sa_flags = SA_NODEFER;
  action.sa_handler = [](int) {
    if (++deep < 10) {
      raise(SIGUSR1);
      Exists("/etc/passwd");
    }
  };
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  EXPECT_EQ(10, deep);
}
TEST_F(SignalRules, ChildsEndIsSignalled) {
  Handle(SIGCHLD, SA_SIGINFO);
  const pid_t child = fork();
  if (child == 0) _exit(3);
  for (int i = 0; i < 1000 && count == 0; ++i) usleep(1000);
  EXPECT_EQ(child, last_pid);
  EXPECT_EQ(CLD_EXITED, last_code);
  waitpid(child, nullptr, 0);
}
TEST_F(SignalRules, NoChildStopKeepsStopsQuiet) {
  Handle(SIGCHLD, SA_NOCLDSTOP);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  kill(child, SIGSTOP);
  int status;
  waitpid(child, &status, WUNTRACED);
  EXPECT_EQ(0, count);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
TEST_F(SignalRules, NoChildWaitReaps) {
  EXPECT_CHILD_ERRNO(ECHILD, InChild([] {
                       Handle(SIGCHLD, SA_NOCLDWAIT);
                       if (fork() == 0) _exit(0);
                       int error = EINTR;
                       while (error == EINTR) error = ErrnoOf(wait(nullptr));
                       return error;
                     }));
}
TEST_F(SignalRules, IgnoredInitSignalsDoNotEndIt) {
  // Process 1 of a pid namespace has no default actions from inside.
  if (getpid() == 1) GTEST_SKIP() << "this is process 1 itself";
  EXPECT_SUCCESS(kill(1, SIGKILL));
  EXPECT_SUCCESS(kill(1, SIGSTOP));
  EXPECT_SUCCESS(kill(1, 0));
}
TEST_F(SignalRules, ForgedInfoOfTheKernelIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, InChild([] {
                       siginfo_t info{};
                       info.si_signo = SIGUSR1;
                       info.si_code = SI_KERNEL;
                       return ErrnoOf(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info));
                     }));
}
TEST_F(SignalRules, QueueLimitIsEagain) {
  EXPECT_CHILD_ERRNO(EAGAIN, As({54322, 54322, {}}, [] {
                       const rlimit limit{2, 2};
                       setrlimit(RLIMIT_SIGPENDING, &limit);
                       const sigset_t set = SetOf(SIGRTMIN);
                       sigprocmask(SIG_BLOCK, &set, nullptr);
                       for (int i = 0; i < 10; ++i) {
                         if (sigqueue(getpid(), SIGRTMIN, sigval{}) != 0) return errno;
                       }
                       return 0;
                     }));
}

}  // namespace
}  // namespace moat::conformance
