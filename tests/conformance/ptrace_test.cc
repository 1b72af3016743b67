// ptrace(2) between programs of one container, and what else reaches into another task.
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Ptrace : public Scratch {};

constexpr int kSyscallStop = SIGTRAP | 0x80;

long Trace(__ptrace_request request, pid_t pid, long address = 0, long data = 0) {
  return ::ptrace(request, pid, address, data);
}
int EventOf(int status) { return status >> 16; }
int Wait(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, __WALL) == pid ? status : -1;
}
user_regs_struct RegistersOf(pid_t pid) {
  user_regs_struct registers = {};
  ::ptrace(PTRACE_GETREGS, pid, 0, &registers);
  return registers;
}
void Exec(const std::string& program, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {program};
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::vector<std::string> none;
  ::execve(program.c_str(), Pointers(arguments).data(), Pointers(none).data());
}

// A child that stands still at SIGSTOP, traced (`seized`: by PTRACE_SEIZE, else by its own wish),
// with `options`, and then runs `body`.
pid_t Child(bool seized, long options, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!seized) Trace(PTRACE_TRACEME, 0);
    ::raise(SIGSTOP);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  if (!seized) {
    EXPECT_SUCCESS(Trace(PTRACE_SETOPTIONS, child, 0, options));
    return child;
  }
  EXPECT_SUCCESS(Trace(PTRACE_SEIZE, child, 0, options));
  EXPECT_EQ(EventOf(Wait(child)), PTRACE_EVENT_STOP);
  EXPECT_SUCCESS(::kill(child, SIGCONT));
  return child;
}

struct Seen {
  int exit_code = -1, execs = 0, traps = 0;
  std::vector<long> calls, results;  // of which the start, and of which the end was reported
};
// Lets it run to its end with `request`.
Seen Follow(pid_t child, __ptrace_request request) {
  Seen seen;
  for (int signal = 0;;) {
    if (Trace(request, child, 0, signal) < 0) return seen;
    const int status = Wait(child);
    if (status < 0 || WIFSIGNALED(status)) return seen;
    if (WIFEXITED(status)) {
      seen.exit_code = WEXITSTATUS(status);
      return seen;
    }
    signal = 0;
    if (EventOf(status) == PTRACE_EVENT_EXEC) {
      ++seen.execs;
    } else if (EventOf(status) != 0) {
      continue;
    } else if (WSTOPSIG(status) == kSyscallStop) {
      const user_regs_struct registers = RegistersOf(child);
      const auto nr = static_cast<long>(registers.orig_rax);
      const auto result = static_cast<long>(registers.rax);
      if (result == -ENOSYS) {
        seen.calls.push_back(nr);
      } else {
        seen.results.push_back(result);
      }
    } else if (WSTOPSIG(status) == SIGTRAP) {
      ++seen.traps;
    } else if (WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGCONT) {
      signal = WSTOPSIG(status);
    }
  }
}

int RunProbe() {
  Exec(Probe("static"));
  return 99;
}
int RunScript() {
  Exec("./script");
  return 99;
}

TEST_F(Ptrace, ProgramThatAskedForItStopsAtItsFirstInstruction) {
  const pid_t child = ::fork();
  if (child == 0) {
    Trace(PTRACE_TRACEME, 0);
    ::_exit(RunProbe());
  }
  const int status = Wait(child);
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) << status;
  EXPECT_EQ(Follow(child, PTRACE_CONT).exit_code, 0);
}

TEST_F(Ptrace, ProgramThatAskedForItAfterVforkStops) {
  const std::string probe = Probe("pie");
  char* arguments[] = {const_cast<char*>(probe.c_str()), nullptr};
  const pid_t child = ::vfork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::execv(arguments[0], arguments);
    ::_exit(99);
  }
  const int status = Wait(child);
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) << status;
  EXPECT_SUCCESS(Trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC));
  EXPECT_EQ(Follow(child, PTRACE_CONT).exit_code, 0);
}

TEST_F(Ptrace, AskingTwiceAfterVforkFailsAsEver) {
  volatile int second = 0;  // the child writes it
  const pid_t child = ::vfork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    second = ::ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0;
    ::_exit(3);
  }
  EXPECT_EQ(WEXITSTATUS(Wait(child)), 3);
  EXPECT_CHILD_ERRNO(EPERM, second);
}

TEST_F(Ptrace, ExecIsOneEvent) {
  for (const bool seized : {false, true}) {
    const Seen seen = Follow(Child(seized, PTRACE_O_TRACEEXEC, RunProbe), PTRACE_CONT);
    EXPECT_EQ(seen.exit_code, 0);
    EXPECT_EQ(seen.execs, 1);
    EXPECT_EQ(seen.traps, 0);
  }
}

TEST_F(Ptrace, ExecIsASigtrapWithoutTheOption) {
  const Seen seen = Follow(Child(false, 0, RunProbe), PTRACE_CONT);
  EXPECT_EQ(seen.exit_code, 0);
  EXPECT_EQ(seen.traps, 1);
}

TEST_F(Ptrace, ExecOfAScriptIsOneEvent) {
  WriteFile("script", "#!" + Probe("static") + "\n", 0755);
  const Seen seen = Follow(Child(true, PTRACE_O_TRACEEXEC, RunScript), PTRACE_CONT);
  EXPECT_EQ(seen.exit_code, 0);
  EXPECT_EQ(seen.execs, 1);
}

TEST_F(Ptrace, ArgumentsOfATracedScript) {
  WriteFile("script", "#!" + Probe("static") + " optional words\n", 0755);
  const Ran ran = ExecuteBy([] {
    const pid_t child = Child(true, PTRACE_O_TRACEEXEC, [] {
      Exec("./script", {"one", "two"});
      return 99;
    });
    ::_exit(Follow(child, PTRACE_SYSCALL).exit_code);
  });
  const Ran untraced = Execute("./script", {"./script", "one", "two"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.output, untraced.output);
}

TEST_F(Ptrace, ExecThatFailsIsACallLikeAnother) {
  for (const bool seized : {false, true}) {
    const auto body = [] {
      Exec("./missing");
      const int first = errno;
      ::syscall(SYS_execve, Probe("static").c_str(), 8L, 0L);
      return first == ENOENT && errno == EFAULT ? 7 : 8;
    };
    const Seen seen = Follow(Child(seized, PTRACE_O_TRACESYSGOOD, body), PTRACE_SYSCALL);
    EXPECT_EQ(seen.exit_code, 7);
    EXPECT_EQ(std::count(seen.calls.begin(), seen.calls.end(), SYS_execve), 2);
    EXPECT_EQ(std::count(seen.results.begin(), seen.results.end(), -ENOENT), 1);
    EXPECT_EQ(std::count(seen.results.begin(), seen.results.end(), -EFAULT), 1);
  }
}

// Each call is reported at its start and its end, whoever makes it happen.
TEST_F(Ptrace, EveryCallIsReportedTwice) {
  const auto body = [] {
    const bool all = ::mkdir("sub", 0755) == 0 && ::chdir("sub") == 0 && ::rmdir("../sub") == 0 &&
                     ::open("/", O_PATH | O_DIRECTORY) == 3 && ::open("/dev/null", O_RDWR) == 4 &&
                     ::chroot("/") == 0 && ::getppid() > 0;
    return all ? 7 : 8;
  };
  for (const bool seized : {false, true}) {
    const Seen seen = Follow(Child(seized, PTRACE_O_TRACESYSGOOD, body), PTRACE_SYSCALL);
    EXPECT_EQ(seen.exit_code, 7);
    std::vector<long> calls;
    for (const long nr : seen.calls) {
      if (nr != SYS_exit_group && nr != SYS_rt_sigprocmask && nr != SYS_gettid &&
          nr != SYS_getpid && nr != SYS_tgkill) {
        calls.push_back(nr);
      }
    }
    EXPECT_EQ(calls, (std::vector<long>{SYS_mkdir, SYS_chdir, SYS_rmdir, SYS_openat, SYS_openat,
                                        SYS_chroot, SYS_getppid}));
  }
}

TEST_F(Ptrace, CallsOfATaskThatOnlyContinues) {
  ASSERT_SUCCESS(::mkdir("sub", 0755));
  const auto body = [] {
    return ::chdir("sub") == 0 && ::chdir("..") == 0 && ::open("sub", O_PATH) == 3 ? 7 : 8;
  };
  for (const bool seized : {false, true}) {
    const Seen seen = Follow(Child(seized, 0, body), PTRACE_CONT);
    EXPECT_EQ(seen.exit_code, 7);
    EXPECT_EQ(seen.traps, 0);
  }
}

TEST_F(Ptrace, ACallIsOneStep) {
  ASSERT_SUCCESS(::mkdir("sub", 0755));
  const pid_t child = Child(false, 0, [] { return ::chdir("sub") == 0 ? 7 : 8; });
  int calls = 0, status = 0;
  for (;;) {
    const user_regs_struct before = RegistersOf(child);
    ASSERT_SUCCESS(Trace(PTRACE_SINGLESTEP, child));
    status = Wait(child);
    if (!WIFSTOPPED(status)) break;
    ASSERT_EQ(WSTOPSIG(status), SIGTRAP);
    const long code = Trace(PTRACE_PEEKTEXT, child, static_cast<long>(before.rip));
    if ((code & 0xffff) != 0x050f || before.rax != SYS_chdir) continue;
    const user_regs_struct after = RegistersOf(child);
    EXPECT_EQ(after.rip, before.rip + 2);
    EXPECT_EQ(after.rax, 0u);
    ++calls;
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(Ptrace, RegistersAndSignalMaskAreKept) {
  ASSERT_SUCCESS(::mkdir("sub", 0755));
  const auto body = [] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    long result = 0, third = 0;
    const char* path = "sub";
    register long r10 asm("r10") = 10, r8 asm("r8") = 8, r9 asm("r9") = 9;
    asm volatile("syscall"
                 : "=a"(result), "=d"(third), "+r"(r10), "+r"(r8), "+r"(r9)
                 : "a"(SYS_chdir), "D"(path), "S"(5), "d"(6)
                 : "rcx", "r11", "memory");
    const bool kept = result == 0 && third == 6 && r10 == 10 && r8 == 8 && r9 == 9;
    ::sigprocmask(SIG_SETMASK, nullptr, &set);
    return kept && sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2) ? 7 : 8;
  };
  EXPECT_EQ(Follow(Child(true, 0, body), PTRACE_CONT).exit_code, 7);
  EXPECT_EQ(Follow(Child(false, PTRACE_O_TRACESYSGOOD, body), PTRACE_SYSCALL).exit_code, 7);
}

TEST_F(Ptrace, SyscallInfoTellsStartAndEnd) {
  struct Info {
    uint8_t operation;
    uint8_t pad[3];
    uint32_t arch;
    uint64_t instruction, stack;
    int64_t first;  // the number at the start, the result at the end
    uint64_t more[8];
  } info;
  const pid_t child = Child(true, PTRACE_O_TRACESYSGOOD, [] { return ::chdir("/"); });
  std::vector<int64_t> seen;
  for (bool inside = false;;) {
    ASSERT_SUCCESS(Trace(PTRACE_SYSCALL, child));
    const int status = Wait(child);
    if (!WIFSTOPPED(status)) break;
    if (WSTOPSIG(status) != kSyscallStop) continue;
    ASSERT_GT(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info), 0);
    EXPECT_EQ(info.operation, inside ? 2 /* exit */ : 1 /* entry */);
    inside = !inside;
    seen.push_back(info.first);
  }
  ASSERT_GE(seen.size(), 3u);
  EXPECT_EQ(seen[seen.size() - 3], SYS_chdir);
  EXPECT_EQ(seen[seen.size() - 2], 0);
}

TEST_F(Ptrace, ChildrenAreTracedAndExecuteToo) {
  const long options =
      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  const pid_t child = Child(true, options, [] {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::_exit(RunProbe());
    const pid_t other = ::vfork();
    if (other == 0) {
      Exec(Probe("pie"));
      ::_exit(98);
    }
    int first = -1, second = -1;
    ::waitpid(grandchild, &first, 0);
    ::waitpid(other, &second, 0);
    return first == 0 && second == 0 ? 7 : 8;
  });
  int execs = 0, ended = 0, code = -1;
  ASSERT_SUCCESS(Trace(PTRACE_CONT, child));
  while (ended < 3) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    ASSERT_GT(pid, 0);
    if (!WIFSTOPPED(status)) {
      ++ended;
      if (pid == child) code = WEXITSTATUS(status);
      continue;
    }
    execs += EventOf(status) == PTRACE_EVENT_EXEC;
    const int signal = WSTOPSIG(status);
    const bool deliver = EventOf(status) == 0 && signal != SIGSTOP;
    ASSERT_SUCCESS(Trace(PTRACE_CONT, pid, 0, deliver ? signal : 0));
  }
  EXPECT_EQ(execs, 2);
  EXPECT_EQ(code, 7);
}

TEST_F(Ptrace, ExecOfAThreadTakesOnTheLeadersNumber) {
  const pid_t child = Child(true, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC, [] {
    std::thread([] { RunProbe(); }).detach();
    for (;;) ::pause();
    return 8;
  });
  ASSERT_SUCCESS(Trace(PTRACE_CONT, child));
  unsigned long thread = 0, former = 0;
  int code = -1;
  while (code < 0) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    ASSERT_GT(pid, 0);
    if (WIFEXITED(status)) {
      if (pid == child) code = WEXITSTATUS(status);
      continue;
    }
    if (!WIFSTOPPED(status)) continue;
    if (EventOf(status) == PTRACE_EVENT_CLONE) ::ptrace(PTRACE_GETEVENTMSG, pid, 0, &thread);
    if (EventOf(status) == PTRACE_EVENT_EXEC) {
      EXPECT_EQ(pid, child);
      ::ptrace(PTRACE_GETEVENTMSG, pid, 0, &former);
    }
    Trace(PTRACE_CONT, pid);
  }
  EXPECT_EQ(code, 0);
  EXPECT_NE(thread, 0u);
  EXPECT_EQ(thread, former);
}

TEST_F(Ptrace, SignalsAreReportedFirst) {
  const pid_t child = Child(true, 0, [] {
    static volatile int handled;
    ::signal(SIGUSR1, [](int) { handled = handled + 1; });
    ::signal(SIGUSR2, [](int) { handled = handled + 10; });
    ::raise(SIGUSR1);
    ::raise(SIGUSR2);
    return handled + 0;
  });
  std::vector<int> signals;
  int status = 0;
  for (int deliver = 0;;) {
    ASSERT_SUCCESS(Trace(PTRACE_CONT, child, 0, deliver));
    status = Wait(child);
    if (!WIFSTOPPED(status)) break;
    deliver = 0;
    if (WSTOPSIG(status) != SIGUSR1 && WSTOPSIG(status) != SIGUSR2) continue;
    signals.push_back(WSTOPSIG(status));
    deliver = SIGUSR2;  // in place of either
  }
  EXPECT_EQ(signals, (std::vector<int>{SIGUSR1, SIGUSR2}));
  EXPECT_EQ(WEXITSTATUS(status), 20);
}

TEST_F(Ptrace, AttachAndDetachARunningTask) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 50000; ++i) {
      if (::chdir("/") != 0) ::_exit(1);
    }
    ::_exit(7);
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_SUCCESS(Trace(PTRACE_ATTACH, child));
    const int status = Wait(child);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) << status;
    EXPECT_SUCCESS(Trace(PTRACE_SYSCALL, child));
    EXPECT_TRUE(WIFSTOPPED(Wait(child)));
    EXPECT_SUCCESS(Trace(PTRACE_DETACH, child));
  }
  ::kill(child, SIGCONT);
  const int status = Wait(child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(Ptrace, StatusNamesTheTracer) {
  const pid_t child = Child(true, 0, [] { return 0; });
  const std::string status = ReadFile("/proc/" + std::to_string(child) + "/status");
  EXPECT_NE(status.find("\nTracerPid:\t" + std::to_string(::getpid()) + "\n"), std::string::npos);
  EXPECT_EQ(Follow(child, PTRACE_CONT).exit_code, 0);
}

TEST_F(Ptrace, ReadsAndWritesMemory) {
  static volatile long word = 11;
  const pid_t child = Child(true, 0, [] { return static_cast<int>(word); });
  long* const address = const_cast<long*>(&word);
  errno = 0;
  EXPECT_EQ(::ptrace(PTRACE_PEEKDATA, child, address, 0), 11);
  EXPECT_SUCCESS(::ptrace(PTRACE_POKEDATA, child, address, 12));
  long copy = 0;
  iovec local = {&copy, sizeof(copy)}, remote = {const_cast<long*>(&word), sizeof(word)};
  EXPECT_EQ(::process_vm_readv(child, &local, 1, &remote, 1, 0), ssize_t{sizeof(copy)});
  EXPECT_EQ(copy, 12);
  copy = 13;
  EXPECT_EQ(::process_vm_writev(child, &local, 1, &remote, 1, 0), ssize_t{sizeof(copy)});
  EXPECT_EQ(Follow(child, PTRACE_CONT).exit_code, 13);
}

TEST_F(Ptrace, TakesADescriptorOfAnother) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  WriteFile("file", "content");
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const Fd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), 0, 0)));
  EXPECT_TRUE(taken.valid()) << errno;
  EXPECT_ERRNO(EBADF, ::syscall(SYS_pidfd_getfd, pidfd.get(), 999, 0));
  ::kill(child, SIGKILL);
  Wait(child);
}

TEST_F(Ptrace, OthersMayNot) {
  const pid_t root = ::fork();
  if (root == 0) {
    ::pause();
    ::_exit(0);
  }
  EXPECT_CHILD_ERRNO(EPERM, As({}, [root] { return ErrnoOf(Trace(PTRACE_ATTACH, root)); }));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [root] { return ErrnoOf(Trace(PTRACE_SEIZE, root)); }));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [root] {
                       char byte;
                       iovec local = {&byte, 1}, remote = {&byte, 1};
                       return ErrnoOf(::process_vm_readv(root, &local, 1, &remote, 1, 0));
                     }));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [root] {
                       const auto pidfd = ::syscall(SYS_pidfd_open, root, 0);
                       return ErrnoOf(::syscall(SYS_pidfd_getfd, pidfd, 0, 0));
                     }));
  ::kill(root, SIGKILL);
  Wait(root);
}

TEST_F(Ptrace, Errors) {
  EXPECT_ERRNO(EPERM, Trace(PTRACE_ATTACH, ::getpid()));
  EXPECT_ERRNO(ESRCH, Trace(PTRACE_ATTACH, 999999));
  EXPECT_ERRNO(ESRCH, Trace(PTRACE_CONT, ::getppid()));
  const pid_t child = Child(true, 0, [] { return 0; });
  EXPECT_ERRNO(EPERM, Trace(PTRACE_SEIZE, child));
  EXPECT_ERRNO(EPERM, Trace(PTRACE_ATTACH, child));
  EXPECT_ERRNO(EIO, Trace(static_cast<__ptrace_request>(0x5555), child));
  EXPECT_EQ(Follow(child, PTRACE_CONT).exit_code, 0);
}

TEST_F(Ptrace, TraceeDiesWithATracerThatSaysSo) {
  int ends[2];
  ASSERT_SUCCESS(::pipe(ends));
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    const pid_t child = Child(true, PTRACE_O_EXITKILL, [] {
      ::pause();
      return 0;
    });
    Trace(PTRACE_CONT, child);
    ::close(ends[0]);
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);  // the last holder of the other end is gone
  ::close(ends[0]);
  EXPECT_EQ(Wait(tracer), 0);
}

TEST_F(Ptrace, ManyTracersAtOnce) {
  std::vector<pid_t> tracers;
  for (int i = 0; i < 8; ++i) {
    const pid_t tracer = ::fork();
    if (tracer != 0) {
      tracers.push_back(tracer);
      continue;
    }
    for (int round = 0; round < 5; ++round) {
      const pid_t child = Child(true, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC, [] {
        return ::chdir("/") == 0 && ::open("/", O_PATH) == 3 ? RunProbe() : 8;
      });
      const Seen seen = Follow(child, PTRACE_SYSCALL);
      if (seen.exit_code != 0 || seen.execs != 1) ::_exit(1);
    }
    ::_exit(0);
  }
  for (const pid_t tracer : tracers) EXPECT_EQ(Wait(tracer), 0);
}

}  // namespace
}  // namespace moat::conformance
