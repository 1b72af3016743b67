// Processes: clone(2) flags, vfork(2), wait family, process groups, sessions, orphans, threads.
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Process : public Scratch {};

// A child that waits until it is killed.
pid_t Sleeper() {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}
void Kill(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
// fork by the bare call, with these flags: 0 in the child.
pid_t Clone(unsigned long flags) {
  return static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0));
}
int StatusOf(pid_t child, int options = 0) {
  int status = -1;
  EXPECT_EQ(child, waitpid(child, &status, options | __WALL));
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_F(Process, CloneSharingMemoryIsSeenByTheParent) {
  int value = 0;
  alignas(16) char stack[65536];
  const pid_t child = clone(
      [](void* at) {
        *static_cast<int*>(at) = Exists("/tmp") ? 42 : 41;
        return 7;
      },
      stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &value);
  EXPECT_EQ(7, StatusOf(child));
  EXPECT_EQ(42, value);
}
TEST_F(Process, CloneSharingDescriptors) {
  const pid_t child = Clone(CLONE_FILES | SIGCHLD);
  if (child == 0) _exit(dup2(0, 77) == 77 ? 0 : 1);
  EXPECT_EQ(0, StatusOf(child));
  EXPECT_EQ(0, close(77));
}
TEST_F(Process, CloneSharingTheWorkingDirectory) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  const pid_t child = Clone(CLONE_FS | SIGCHLD);
  if (child == 0) _exit(chdir("folder") == 0 ? 0 : 1);
  EXPECT_EQ(0, StatusOf(child));
  char path[4096];
  ASSERT_NE(nullptr, getcwd(path, sizeof path));
  EXPECT_EQ(dir() + "/folder", path);
}
TEST_F(Process, CloneSharingTheUmask) {
  const pid_t child = Clone(CLONE_FS | SIGCHLD);
  if (child == 0) {
    umask(077);
    _exit(0);
  }
  EXPECT_EQ(0, StatusOf(child));
  WriteFile("with_fchmod");
  Fd file(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
  EXPECT_EQ(0600u, ModeOf("file"));
}
TEST_F(Process, CloneAsSiblingHasTheSameParent) {
  EXPECT_EQ(0, InChild([] {
              const pid_t parent = getppid();
              return Clone(CLONE_PARENT | SIGCHLD) == 0 ? (getppid() == parent ? 0 : 1) : 0;
            }));
  int status;
  EXPECT_GT(waitpid(-1, &status, 0), 0);
  EXPECT_EQ(0, status);
}
TEST_F(Process, CloneWithAnotherSignalNeedsWall) {
  const pid_t child = Clone(SIGUSR1);
  if (child == 0) _exit(3);
  signal(SIGUSR1, SIG_IGN);
  EXPECT_ERRNO(ECHILD, waitpid(child, nullptr, WNOHANG));
  EXPECT_EQ(3, StatusOf(child));
  signal(SIGUSR1, SIG_DFL);
}
TEST_F(Process, CloneGivesAPidfd) {
  int pidfd = -1;
  const auto child =
      static_cast<pid_t>(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, 0));
  if (child == 0) _exit(5);
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED));
  EXPECT_EQ(5, info.si_status);
  close(pidfd);
}
TEST_F(Process, CloneSetsTheParentsTid) {
  pid_t tid = 0;
  const auto child = static_cast<pid_t>(
      syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, nullptr, &tid, nullptr, 0));
  if (child == 0) _exit(0);
  EXPECT_EQ(child, tid);
  EXPECT_EQ(0, StatusOf(child));
}
TEST_F(Process, CloneWithContradictingFlagsIsEinval) {
  EXPECT_ERRNO(EINVAL, Clone(CLONE_THREAD | SIGCHLD));
  EXPECT_ERRNO(EINVAL, Clone(CLONE_SIGHAND | SIGCHLD));
  EXPECT_ERRNO(EINVAL, Clone(CLONE_VM | CLONE_THREAD | SIGCHLD));
}
TEST_F(Process, VforkSuspendsTheParent) {
  volatile int value = 0;
  const pid_t child = vfork();
  if (child == 0) {
    usleep(20000);
    value = 1;
    _exit(0);
  }
  EXPECT_EQ(1, value);
  EXPECT_EQ(0, StatusOf(child));
}
TEST_F(Process, UnshareOfDescriptors) {
  EXPECT_EQ(0, InChild([] {
              std::atomic<int> opened{-1};
              std::thread thread([&] {
                if (unshare(CLONE_FILES) == 0) opened = dup2(0, 88);
              });
              thread.join();
              return opened == 88 && close(88) == -1 && errno == EBADF ? 0 : 1;
            }));
}

TEST_F(Process, WaitWithoutChildrenIsEchild) {
  EXPECT_CHILD_ERRNO(ECHILD, InChild([] { return ErrnoOf(waitpid(-1, nullptr, 0)); }));
}
TEST_F(Process, WaitForAStrangerIsEchild) { EXPECT_ERRNO(ECHILD, waitpid(1, nullptr, 0)); }
TEST_F(Process, WaitWithUnknownOptionIsEinval) {
  EXPECT_ERRNO(EINVAL, waitpid(-1, nullptr, 0x100));
}
TEST_F(Process, WaitNohangOfARunningChildIsZero) {
  const pid_t child = Sleeper();
  EXPECT_EQ(0, waitpid(child, nullptr, WNOHANG));
  Kill(child);
}
TEST_F(Process, WaitSeesStopAndContinue) {
  const pid_t child = Sleeper();
  int status;
  kill(child, SIGSTOP);
  EXPECT_EQ(child, waitpid(child, &status, WUNTRACED));
  EXPECT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(SIGSTOP, WSTOPSIG(status));
  kill(child, SIGCONT);
  EXPECT_EQ(child, waitpid(child, &status, WCONTINUED));
  EXPECT_TRUE(WIFCONTINUED(status));
  Kill(child);
}
TEST_F(Process, WaitidTellsHowAChildEnded) {
  const pid_t child = fork();
  if (child == 0) _exit(9);
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED));
  EXPECT_EQ(CLD_EXITED, info.si_code);
  EXPECT_EQ(9, info.si_status);
  EXPECT_EQ(child, info.si_pid);
  EXPECT_EQ(SIGCHLD, info.si_signo);
}
TEST_F(Process, WaitidTellsTheSignalThatEndedAChild) {
  const pid_t child = Sleeper();
  kill(child, SIGTERM);
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED));
  EXPECT_EQ(CLD_KILLED, info.si_code);
  EXPECT_EQ(SIGTERM, info.si_status);
}
TEST_F(Process, WaitidNowaitLeavesTheChild) {
  const pid_t child = fork();
  if (child == 0) _exit(4);
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
  EXPECT_EQ(4, StatusOf(child));
}
TEST_F(Process, WaitidByGroup) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    _exit(0);
  }
  setpgid(child, child);
  siginfo_t info{};
  EXPECT_SUCCESS(waitid(P_PGID, static_cast<id_t>(child), &info, WEXITED));
  EXPECT_EQ(child, info.si_pid);
}
TEST_F(Process, WaitidWithoutAnyKindIsEinval) {
  siginfo_t info{};
  EXPECT_ERRNO(EINVAL, waitid(P_ALL, 0, &info, 0));
  EXPECT_ERRNO(EINVAL, waitid(static_cast<idtype_t>(77), 0, &info, WEXITED));
}
TEST_F(Process, Wait4TellsUsage) {
  const pid_t child = fork();
  if (child == 0) {
    BurnCpu(20);
    _exit(0);
  }
  rusage usage{};
  EXPECT_EQ(child, wait4(child, nullptr, 0, &usage));
  EXPECT_GT(usage.ru_maxrss, 0);
}
TEST_F(Process, IgnoredSigchldReapsByItself) {
  EXPECT_CHILD_ERRNO(ECHILD, InChild([] {
                       signal(SIGCHLD, SIG_IGN);
                       if (fork() == 0) _exit(0);
                       return ErrnoOf(wait(nullptr));
                     }));
}
TEST_F(Process, AThreadMayWaitForAChildOfAnother) {
  const pid_t child = fork();
  if (child == 0) _exit(6);
  int status = -1;
  std::thread([&] { waitpid(child, &status, 0); }).join();
  EXPECT_EQ(6, WEXITSTATUS(status));
}
TEST_F(Process, WnothreadSeesOnlyOwnChildren) {
  const pid_t child = Sleeper();
  int error = 0;
  std::thread([&] { error = ErrnoOf(waitpid(child, nullptr, WNOHANG | __WNOTHREAD)); }).join();
  EXPECT_CHILD_ERRNO(ECHILD, error);
  Kill(child);
}

TEST_F(Process, OrphanGoesToTheSubreaper) {
  EXPECT_EQ(0, InChild([] {
              prctl(PR_SET_CHILD_SUBREAPER, 1);
              int ends[2];
              if (pipe(ends) != 0) return 1;
              if (fork() == 0) {
                const pid_t between = getpid();
                if (fork() == 0) {
                  while (getppid() == between) usleep(1000);
                  const pid_t parent = getppid();
                  _exit(write(ends[1], &parent, sizeof parent) == sizeof parent ? 0 : 1);
                }
                _exit(0);
              }
              pid_t told = 0;
              if (read(ends[0], &told, sizeof told) != sizeof told) return 2;
              while (wait(nullptr) > 0) {
              }
              return told == getpid() ? 0 : 3;
            }));
}
TEST_F(Process, ParentDeathSignalArrives) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  InChild([&] {
    const pid_t parent = getpid();
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(0);
      close(ends[0]);
      for (;;) pause();
    }
    usleep(50000);
    return 0;
  });
  close(ends[1]);
  char byte;
  EXPECT_EQ(0, read(ends[0], &byte, 1));  // all writers are gone
  close(ends[0]);
}
TEST_F(Process, ExitGroupEndsAllThreads) {
  EXPECT_EQ(3, InChild([] {
              std::thread([] {
                for (;;) pause();
              }).detach();
              std::thread([] { _exit(3); }).detach();
              for (;;) pause();
              return 0;
            }));
}
TEST_F(Process, LeaderMayEndBeforeItsThreads) {
  EXPECT_EQ(0, InChild([] {
              std::thread([] {
                usleep(20000);
                _exit(0);
              }).detach();
              syscall(SYS_exit, 1);
              return 1;
            }));
}
TEST_F(Process, ManyThreadsBeginAndEnd) {
  std::atomic<int> count{0};
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) threads.emplace_back([&] { count += Exists("/tmp") ? 1 : 0; });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(100, count);
}
TEST_F(Process, PriorityIsInheritedAndNotLowered) {
  const int before = getpriority(PRIO_PROCESS, 0);
  const int after = std::min(before + 5, 19);
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] {
                       if (setpriority(PRIO_PROCESS, 0, after) != 0) return 199;
                       return InChild([&] {
                         if (getpriority(PRIO_PROCESS, 0) != after) return 198;
                         return ErrnoOf(setpriority(PRIO_PROCESS, 0, after - 1));
                       });
                     }));
}
TEST_F(Process, KillOfAGroup) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    if (fork() == 0) {
      for (;;) pause();
    }
    for (;;) pause();
  }
  setpgid(child, child);
  usleep(20000);
  EXPECT_SUCCESS(kill(-child, SIGTERM));
  EXPECT_EQ(1000 + SIGTERM, StatusOf(child));
}
TEST_F(Process, SignalZeroAsksForExistence) {
  const pid_t child = Sleeper();
  EXPECT_SUCCESS(kill(child, 0));
  Kill(child);
  EXPECT_ERRNO(ESRCH, kill(child, 0));
}
TEST_F(Process, KillErrors) {
  EXPECT_ERRNO(EINVAL, kill(getpid(), 99));
  EXPECT_ERRNO(ESRCH, kill(-99999, SIGTERM));
  EXPECT_ERRNO(EINVAL, syscall(SYS_tgkill, -1, gettid(), 0));
  const pid_t other = Sleeper();
  EXPECT_ERRNO(ESRCH, syscall(SYS_tgkill, other, gettid(), 0));
  Kill(other);
}

TEST_F(Process, SetpgidErrors) {
  EXPECT_ERRNO(EINVAL, setpgid(0, -1));
  EXPECT_CHILD_ERRNO(ESRCH, InChild([] { return ErrnoOf(setpgid(getppid(), 0)); }));
  EXPECT_ERRNO(EPERM, setpgid(0, 99999));
}
TEST_F(Process, SetpgidAfterExecIsEacces) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sleep", "sleep", "10", nullptr);
    _exit(1);
  }
  int error = 0;
  for (int i = 0; i < 200 && error != EACCES; ++i) {
    usleep(5000);
    error = ErrnoOf(setpgid(child, child));
  }
  EXPECT_CHILD_ERRNO(EACCES, error);
  Kill(child);
}
TEST_F(Process, SetsidMakesALeader) {
  EXPECT_EQ(0, InChild([] {
              return setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid() ? 0 : 1;
            }));
}
TEST_F(Process, SetsidOfAGroupLeaderIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, InChild([] {
                       setpgid(0, 0);
                       return ErrnoOf(setsid());
                     }));
}
TEST_F(Process, GroupOfAnotherSessionIsNotJoined) {
  const pid_t group = Sleeper();
  ASSERT_SUCCESS(setpgid(group, group));
  EXPECT_CHILD_ERRNO(EPERM, InChild([&] {
                       setsid();
                       return InChild([&] { return ErrnoOf(setpgid(0, group)); });
                     }));
  Kill(group);
}
TEST_F(Process, GetpgidAndGetsidOfMissingAreEsrch) {
  EXPECT_ERRNO(ESRCH, getpgid(99999));
  EXPECT_ERRNO(ESRCH, getsid(99999));
}
TEST_F(Process, ForkLimitIsEagain) {
  EXPECT_CHILD_ERRNO(EAGAIN, As({54321, 54321, {}}, [] {
                       const rlimit limit{1, 1};
                       setrlimit(RLIMIT_NPROC, &limit);
                       const pid_t child = fork();
                       if (child == 0) _exit(0);
                       return ErrnoOf(child);
                     }));
}
TEST_F(Process, TimesOfChildrenAreAdded) {
  InChild([] {
    BurnCpu(20);
    return 0;
  });
  rusage usage{};
  ASSERT_SUCCESS(getrusage(RUSAGE_CHILDREN, &usage));
  EXPECT_GT(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec, 0);
  EXPECT_ERRNO(EINVAL, getrusage(static_cast<__rusage_who>(77), &usage));
}
TEST_F(Process, AffinityIsSetAndRead) {
  EXPECT_EQ(0, InChild([] {
              cpu_set_t before, one, after;
              if (sched_getaffinity(0, sizeof before, &before) != 0) return 1;
              CPU_ZERO(&one);
              for (int i = 0; i < CPU_SETSIZE; ++i) {
                if (CPU_ISSET(i, &before)) {
                  CPU_SET(i, &one);
                  break;
                }
              }
              if (sched_setaffinity(0, sizeof one, &one) != 0) return 2;
              ReadFile("/etc/passwd");  // a mediated call leaves it as it was
              if (sched_getaffinity(0, sizeof after, &after) != 0) return 3;
              return CPU_EQUAL(&one, &after) ? 0 : 4;
            }));
}
TEST_F(Process, SchedulingPoliciesOfTheOrdinary) {
  EXPECT_EQ(SCHED_OTHER, sched_getscheduler(0));
  EXPECT_EQ(0, InChild([] {
              const sched_param none{0};
              if (sched_setscheduler(0, SCHED_BATCH, &none) != 0) return 1;
              if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) return 2;
              return sched_getscheduler(0) == SCHED_IDLE ? 0 : 3;
            }));
  EXPECT_ERRNO(EINVAL, sched_get_priority_max(77));
  EXPECT_EQ(99, sched_get_priority_max(SCHED_FIFO));
}
TEST_F(Process, RobustListIsTold) {
  void* head = nullptr;
  size_t size = 0;
  EXPECT_SUCCESS(syscall(SYS_get_robust_list, 0, &head, &size));
  EXPECT_NE(nullptr, head);
  EXPECT_EQ(24u, size);
  EXPECT_ERRNO(ESRCH, syscall(SYS_get_robust_list, 99999, &head, &size));
  const pid_t other = Sleeper();
  EXPECT_CHILD_ERRNO(
      EPERM, As({}, [&] { return ErrnoOf(syscall(SYS_get_robust_list, other, &head, &size)); }));
  Kill(other);
}
TEST_F(Process, IoPriorityOfTasksAndGroups) {
  constexpr int kProcess = 1, kGroup = 2, kBestEffort = 2 << 13;
  EXPECT_EQ(0, InChild([] {
              setpgid(0, 0);
              if (syscall(SYS_ioprio_set, kProcess, 0, kBestEffort | 6) != 0) return 1;
              if (syscall(SYS_ioprio_get, kGroup, 0) != (kBestEffort | 6)) return 2;
              if (syscall(SYS_ioprio_set, kGroup, getpid(), kBestEffort | 5) != 0) return 3;
              return syscall(SYS_ioprio_get, kProcess, 0) == (kBestEffort | 5) ? 0 : 4;
            }));
  EXPECT_ERRNO(ESRCH, syscall(SYS_ioprio_get, kProcess, 99999));
}
TEST_F(Process, RealTimeWithoutPrivilegeIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] {
                       const sched_param one{1};
                       return ErrnoOf(sched_setscheduler(0, SCHED_FIFO, &one));
                     }));
}

}  // namespace
}  // namespace moat::conformance
