// What a program may forbid itself: seccomp(2) filters, no_new_privs, personality(2).
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class OwnFilter : public Scratch {};
TEST_F(OwnFilter, ErrnoOfAMediatedCall) {
  EXPECT_CHILD_ERRNO(EDOM, InChild([] {
                       if (AddFilter(SYS_mkdir, SECCOMP_RET_ERRNO | EDOM) != 0) return 199;
                       return ErrnoOf(syscall(SYS_mkdir, "folder", 0755));
                     }));
  EXPECT_FALSE(Exists("folder"));
}
TEST_F(OwnFilter, ErrnoOfANativeCall) {
  EXPECT_CHILD_ERRNO(EDOM, InChild([] {
                       if (AddFilter(SYS_getppid, SECCOMP_RET_ERRNO | EDOM) != 0) return 199;
                       return ErrnoOf(syscall(SYS_getppid));
                     }));
}
TEST_F(OwnFilter, OtherCallsGoOn) {
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       if (AddFilter(SYS_getppid, SECCOMP_RET_ERRNO | EDOM) != 0) return 199;
                       return ErrnoOf(mkdir("folder", 0755));
                     }));
  EXPECT_TRUE(Exists("folder"));
}
TEST_F(OwnFilter, KillProcessIsSigsys) {
  EXPECT_EQ(1000 + SIGSYS, InChild([] {
              if (AddFilter(SYS_mkdir, SECCOMP_RET_KILL_PROCESS) != 0) return 199;
              return ErrnoOf(syscall(SYS_mkdir, "folder", 0755));
            }));
}
TEST_F(OwnFilter, TrapTellsTheCall) {
  EXPECT_EQ(0, InChild([] {
              struct sigaction action {};
              action.sa_flags = SA_SIGINFO;
              action.sa_sigaction = [](int, siginfo_t* info, void*) {
                _exit(info->si_syscall == SYS_mkdir && info->si_errno == 5 ? 0 : 1);
              };
              sigaction(SIGSYS, &action, nullptr);
              if (AddFilter(SYS_mkdir, SECCOMP_RET_TRAP | 5) != 0) return 199;
              syscall(SYS_mkdir, "folder", 0755);
              return 2;
            }));
}
TEST_F(OwnFilter, OfExecKeepsHolding) {
  const Ran ran = ExecuteBy([] {
    if (AddFilter(SYS_mkdir, SECCOMP_RET_ERRNO | EDOM) != 0) _exit(9);
    execl("/bin/mkdir", "mkdir", "folder", nullptr);
  });
  EXPECT_EQ(1, ran.status);
  EXPECT_FALSE(Exists("folder"));
}
TEST_F(OwnFilter, ExecItselfCanBeForbidden) {
  const Ran ran = ExecuteBy([] {
    if (AddFilter(SYS_execve, SECCOMP_RET_ERRNO | EDOM) != 0) _exit(9);
    execl("/bin/true", "true", nullptr);
  });
  EXPECT_CHILD_ERRNO(EDOM, ran.error);
}
TEST_F(OwnFilter, FiltersAddUp) {
  EXPECT_CHILD_ERRNO(EDOM, InChild([] {
                       if (AddFilter(SYS_mkdir, SECCOMP_RET_ERRNO | EDOM) != 0) return 199;
                       if (AddFilter(SYS_rmdir, SECCOMP_RET_ERRNO | ERANGE) != 0) return 198;
                       if (ErrnoOf(syscall(SYS_rmdir, "folder")) != ERANGE) return 197;
                       return ErrnoOf(syscall(SYS_mkdir, "folder", 0755));
                     }));
}
TEST_F(OwnFilter, ThreadSyncReachesAll) {
  EXPECT_CHILD_ERRNO(
      EDOM, InChild([] {
        int error = 0;
        int ends[2];
        if (pipe(ends) != 0) return 199;
        std::thread thread([&] {
          char byte;
          if (read(ends[0], &byte, 1) == 1) error = ErrnoOf(syscall(SYS_mkdir, "f", 0755));
        });
        if (AddFilter(SYS_mkdir, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC) != 0)
          return 198;
        if (write(ends[1], "x", 1) != 1) return 197;
        thread.join();
        return error;
      }));
}
TEST_F(OwnFilter, NeedsNoNewPrivilegesOrCapability) {
  const bool has = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  EXPECT_CHILD_ERRNO(has ? 0 : EACCES, As({}, [] {
                       sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                       const sock_fprog filter{1, allow};
                       return ErrnoOf(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
                     }));
}
TEST_F(OwnFilter, BadProgramsAreEinval) {
  EXPECT_CHILD_ERRNO(EINVAL, InChild([] {
                       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                       sock_filter endless[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
                       const sock_fprog filter{1, endless};
                       return ErrnoOf(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
                     }));
  EXPECT_ERRNO(EINVAL, syscall(SYS_seccomp, 77, 0, nullptr));
}
TEST_F(OwnFilter, ActionsThatExistAreTold) {
  uint32_t action = SECCOMP_RET_ERRNO;
  EXPECT_SUCCESS(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  action = 0x12340000;
  EXPECT_ERRNO(EOPNOTSUPP, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
}
TEST_F(OwnFilter, StrictModeLeavesReadWriteExit) {
  EXPECT_EQ(1000 + SIGKILL, InChild([] {
              if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 199;
              return static_cast<int>(syscall(SYS_getppid));
            }));
}
TEST_F(OwnFilter, NoNewPrivilegesCannotBeUndone) {
  EXPECT_CHILD_ERRNO(EINVAL, InChild([] {
                       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                       return ErrnoOf(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
                     }));
}
TEST_F(OwnFilter, StatusTellsTheMode) {
  EXPECT_EQ(0, InChild([] {
              if (AddFilter(SYS_mkdir, SECCOMP_RET_ERRNO | EDOM) != 0) return 199;
              const std::string status = ReadFile("/proc/self/status");
              if (status.find("NoNewPrivs:\t1\n") == std::string::npos) return 1;
              return status.find("Seccomp:\t2\n") == std::string::npos ? 2 : 0;
            }));
}

class Personality : public Scratch {};
TEST_F(Personality, IsAskedWithoutAChange) { EXPECT_EQ(0, personality(0xffffffff)); }
TEST_F(Personality, NoRandomizationGivesTheSameAddresses) {
  const auto run = [] {
    return ExecuteBy([] {
             personality(ADDR_NO_RANDOMIZE);
             execl("/bin/grep", "grep", "stack", "/proc/self/maps", nullptr);
           })
        .output;
  };
  const std::string first = run();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, run());
}
TEST_F(Personality, RandomizationGivesOthers) {
  const auto run = [] { return Execute("/bin/grep", {"grep", "stack", "/proc/self/maps"}).output; };
  EXPECT_NE(run(), run());
}
TEST_F(Personality, ThirtyTwoBitMachine) {
  EXPECT_EQ(0, InChild([] {
              if (personality(PER_LINUX32) == -1) return 1;
              utsname name{};
              uname(&name);
              return std::string(name.machine) == "i686" ? 0 : 2;
            }));
}
TEST_F(Personality, IsInherited) {
  EXPECT_EQ(0, InChild([] {
              personality(ADDR_NO_RANDOMIZE);
              return InChild([] { return personality(0xffffffff) == ADDR_NO_RANDOMIZE ? 0 : 1; });
            }));
}

}  // namespace
}  // namespace moat::conformance
