// credentials(7), capabilities(7), prctl(2), seccomp(2), getrlimit(2), personality(2).
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <iterator>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

// A change of ids from a known start, and the ids afterwards.
struct IdChange {
  const char* name;
  uid_t start[3];  // real, effective, saved
  long (*run)();
  int error;
  uid_t end[3];
};
// clang-format off
const IdChange kIdChanges[] = {
  {"setuid_by_root_sets_all", {0, 0, 0}, [] { return syscall(SYS_setuid, 5); }, 0, {5, 5, 5}},
  {"setuid_by_user_sets_effective", {5, 6, 7}, [] { return syscall(SYS_setuid, 7); }, 0, {5, 7, 7}},
  {"setuid_by_user_to_real", {5, 6, 7}, [] { return syscall(SYS_setuid, 5); }, 0, {5, 5, 7}},
  {"setuid_by_user_to_stranger", {5, 6, 7}, [] { return syscall(SYS_setuid, 8); }, EPERM, {5, 6, 7}},
  {"setuid_to_minus_one", {0, 0, 0}, [] { return syscall(SYS_setuid, -1); }, EINVAL, {0, 0, 0}},
  {"setreuid_swaps", {5, 6, 6}, [] { return syscall(SYS_setreuid, 6, 5); }, 0, {6, 5, 5}},
  {"setreuid_real_sets_saved", {0, 0, 0}, [] { return syscall(SYS_setreuid, 5, -1); }, 0, {5, 0, 0}},
  {"setreuid_effective_other_sets_saved", {5, 6, 7}, [] { return syscall(SYS_setreuid, -1, 7); }, 0, {5, 7, 7}},
  {"setreuid_to_stranger", {5, 6, 7}, [] { return syscall(SYS_setreuid, 8, -1); }, EPERM, {5, 6, 7}},
  {"setreuid_real_to_saved", {5, 6, 7}, [] { return syscall(SYS_setreuid, 7, -1); }, EPERM, {5, 6, 7}},
  {"setresuid_permutes", {5, 6, 7}, [] { return syscall(SYS_setresuid, 7, 5, 6); }, 0, {7, 5, 6}},
  {"setresuid_keeps_minus_one", {5, 6, 7}, [] { return syscall(SYS_setresuid, -1, -1, -1); }, 0, {5, 6, 7}},
  {"setresuid_to_stranger", {5, 6, 7}, [] { return syscall(SYS_setresuid, 5, 6, 8); }, EPERM, {5, 6, 7}},
  {"setresuid_by_root", {0, 0, 0}, [] { return syscall(SYS_setresuid, 1, 2, 3); }, 0, {1, 2, 3}},
  {"root_comes_back_by_saved", {0, 5, 0}, [] { return syscall(SYS_setresuid, -1, 0, -1); }, 0, {0, 0, 0}},
  {"setfsuid_changes_none_of_them", {0, 0, 0}, [] { setfsuid(9); return 0L; }, 0, {0, 0, 0}},
};
// clang-format on
class SetUids : public ::testing::TestWithParam<IdChange> {};
INSTANTIATE_TEST_SUITE_P(By, SetUids, ::testing::ValuesIn(kIdChanges),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(SetUids, Ids) {
  const IdChange& change = GetParam();
  uid_t end[3] = {};
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  const int error = InChild([&] {
    if (setresuid(change.start[0], change.start[1], change.start[2]) != 0) return 199;
    const int result = ErrnoOf(change.run());
    getresuid(&end[0], &end[1], &end[2]);
    return write(ends[1], end, sizeof end) == sizeof end ? result : 198;
  });
  EXPECT_CHILD_ERRNO(change.error, error);
  ASSERT_EQ(static_cast<ssize_t>(sizeof end), read(ends[0], end, sizeof end));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(change.end[i], end[i]) << i;
  close(ends[0]);
  close(ends[1]);
}

constexpr __user_cap_header_struct kSelf{_LINUX_CAPABILITY_VERSION_3, 0};
struct Sets {
  __user_cap_data_struct data[2] = {};
};
Sets Capabilities() {
  Sets sets;
  __user_cap_header_struct header = kSelf;
  syscall(SYS_capget, &header, sets.data);
  return sets;
}
int Set(const Sets& sets) {
  __user_cap_header_struct header = kSelf;
  return ErrnoOf(syscall(SYS_capset, &header, sets.data));
}
bool Has(int capability) { return Capabilities().data[0].effective & (1u << capability); }

class Capability : public Scratch {};
TEST_F(Capability, ChangeToOrdinaryUserLosesAll) {
  EXPECT_EQ(0, As({}, [] {
              const Sets sets = Capabilities();
              return sets.data[0].effective == 0 && sets.data[0].permitted == 0 ? 0 : 1;
            }));
}
TEST_F(Capability, KeepcapsKeepsThePermitted) {
  EXPECT_EQ(0, InChild([] {
              prctl(PR_SET_KEEPCAPS, 1);
              if (setresuid(5, 5, 5) != 0) return 1;
              const Sets sets = Capabilities();
              return sets.data[0].permitted != 0 && sets.data[0].effective == 0 ? 0 : 2;
            }));
}
TEST_F(Capability, EffectiveIdComesAndGoesWithThem) {
  EXPECT_EQ(0, InChild([] {
              if (!Has(CAP_CHOWN) || seteuid(5) != 0) return 1;
              if (Has(CAP_CHOWN) || seteuid(0) != 0) return 2;
              return Has(CAP_CHOWN) ? 0 : 3;
            }));
}
TEST_F(Capability, FsuidTakesThoseOfFiles) {
  EXPECT_EQ(0, InChild([] {
              setfsuid(5);
              return Has(CAP_DAC_OVERRIDE) || !Has(CAP_KILL) ? 1 : 0;
            }));
}
TEST_F(Capability, MoreThanPermittedIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] {
                       Sets sets;
                       sets.data[0].permitted = 1;
                       return Set(sets);
                     }));
}
TEST_F(Capability, EffectiveBeyondPermittedIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, InChild([] {
                       Sets sets = Capabilities();
                       sets.data[0].permitted &= ~(1u << CAP_CHOWN);
                       return Set(sets);
                     }));
}
TEST_F(Capability, OfAnotherProcessCannotBeSet) {
  EXPECT_CHILD_ERRNO(EPERM, InChild([] {
                       __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, getppid()};
                       const Sets sets = Capabilities();
                       return ErrnoOf(syscall(SYS_capset, &header, sets.data));
                     }));
}
TEST_F(Capability, UnknownVersionIsEinvalAndTold) {
  __user_cap_header_struct header{0x1234, 0};
  Sets sets;
  EXPECT_ERRNO(EINVAL, syscall(SYS_capget, &header, sets.data));
  EXPECT_EQ(static_cast<uint32_t>(_LINUX_CAPABILITY_VERSION_3), header.version);
}
TEST_F(Capability, BoundingSetIsDropped) {
  EXPECT_EQ(0, InChild([] {
              if (prctl(PR_CAPBSET_READ, CAP_CHOWN) != 1) return 1;
              if (prctl(PR_CAPBSET_DROP, CAP_CHOWN) != 0) return 2;
              return prctl(PR_CAPBSET_READ, CAP_CHOWN);
            }));
}
TEST_F(Capability, BoundingSetLimitsRootsExec) {
  const Ran ran = ExecuteBy([] {
    prctl(PR_CAPBSET_DROP, CAP_CHOWN);
    execl("/bin/grep", "grep", "CapEff", "/proc/self/status", nullptr);
  });
  unsigned long long effective = 1;
  sscanf(ran.output.c_str(), "CapEff: %llx", &effective);
  EXPECT_EQ(0u, effective & (1u << CAP_CHOWN)) << ran.output;
}
TEST_F(Capability, DropWithoutSetpcapIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(prctl(PR_CAPBSET_DROP, CAP_CHOWN)); }));
}
TEST_F(Capability, AmbientSurvivesAnExecOfAUser) {
  const Ran ran = ExecuteBy([] {
    prctl(PR_SET_KEEPCAPS, 1);
    if (setresuid(5, 5, 5) != 0) _exit(1);
    Sets sets;
    sets.data[0].permitted = sets.data[0].inheritable = sets.data[0].effective = 1u << CAP_CHOWN;
    if (Set(sets) != 0) _exit(2);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) != 0) _exit(3);
    execl("/bin/grep", "grep", "CapEff", "/proc/self/status", nullptr);
  });
  EXPECT_EQ("CapEff:\t0000000000000001\n", ran.output);
}
TEST_F(Capability, AmbientNeedsInheritable) {
  EXPECT_CHILD_ERRNO(EPERM, InChild([] {
                       return ErrnoOf(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
                     }));
}
TEST_F(Capability, ProcStatusTellsThem) {
  const std::string status = ReadFile("/proc/self/status");
  char line[64];
  snprintf(line, sizeof line, "CapPrm:\t%08x%08x\n", Capabilities().data[1].permitted,
           Capabilities().data[0].permitted);
  EXPECT_NE(std::string::npos, status.find(line)) << status;
}
TEST_F(Capability, SecurebitsKeepRootFromThem) {
  EXPECT_EQ(0, InChild([] {
              if (prctl(PR_SET_SECUREBITS, 1 | 4) != 0) return 1;  // NOROOT, NO_SETUID_FIXUP
              if (setresuid(5, 5, 5) != 0) return 2;
              return Has(CAP_CHOWN) && prctl(PR_GET_SECUREBITS) == 5 ? 0 : 3;
            }));
}
TEST_F(Capability, WithoutItsCallsFail) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(setgroups(0, nullptr)); }));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(chroot("/")); }));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(setgid(0)); }));
}
TEST_F(Capability, IdsOfThreadsAreTheirOwnToTheKernel) {
  EXPECT_EQ(0, InChild([] {
              uid_t other = 77;
              std::thread([&] {
                syscall(SYS_setresuid, 5, 5, 5);
                other = geteuid();
              }).join();
              return other == 5 && geteuid() == 0 ? 0 : 1;
            }));
}
TEST_F(Capability, ThreadsOpenWithTheirOwnIds) {
  WriteFile("file", "", 0600);
  EXPECT_EQ(0, InChild([] {
              int in_thread = 0;
              std::thread([&] {
                syscall(SYS_setresuid, 5, 5, 5);
                in_thread = ErrnoOf(open("file", O_RDONLY));
              }).join();
              return in_thread == EACCES ? ErrnoOf(open("file", O_RDONLY)) : 199;
            }));
}
TEST_F(Capability, GroupsAreListed) {
  EXPECT_EQ(0, As({5, 5, {9, 8, 7}}, [] {
              gid_t groups[8];
              if (getgroups(0, nullptr) != 3 || getgroups(8, groups) != 3) return 1;
              return ErrnoOf(getgroups(2, groups)) == EINVAL ? 0 : 2;
            }));
}

// prctl(2) options that hold a value: what is set is told, and what forks keep.
struct Option {
  const char* name;
  int set, get;
  unsigned long value;
  bool by_pointer, inherited;
};
constexpr Option kOptions[] = {
    {"parent_death_signal", PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, SIGUSR1, true, false},
    {"dumpable", PR_SET_DUMPABLE, PR_GET_DUMPABLE, 0, false, true},
    {"keep_capabilities", PR_SET_KEEPCAPS, PR_GET_KEEPCAPS, 1, false, true},
    {"timer_slack", PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, 123456, false, true},
    {"child_subreaper", PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, 1, true, false},
    {"no_new_privileges", PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, 1, false, true},
    {"no_huge_pages", PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, 1, false, true},
};
class Prctl : public ::testing::TestWithParam<Option> {
 protected:
  static unsigned long Get() {
    int value = -1;
    const int result = GetParam().by_pointer ? prctl(GetParam().get, &value, 0, 0, 0)
                                             : prctl(GetParam().get, 0, 0, 0, 0);
    return static_cast<unsigned long>(GetParam().by_pointer && result == 0 ? value : result);
  }
};
INSTANTIATE_TEST_SUITE_P(Of, Prctl, ::testing::ValuesIn(kOptions),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(Prctl, IsToldAsSet) {
  EXPECT_EQ(0, InChild([] {
              if (prctl(GetParam().set, GetParam().value, 0, 0, 0) != 0) return 1;
              return Get() == GetParam().value ? 0 : 2;
            }));
}
TEST_P(Prctl, IsInheritedOrNot) {
  EXPECT_EQ(
      0, InChild([] {
        if (prctl(GetParam().set, GetParam().value, 0, 0, 0) != 0) return 1;
        return InChild([] { return (Get() == GetParam().value) == GetParam().inherited ? 0 : 2; });
      }));
}
TEST_P(Prctl, MediatedCallsLeaveIt) {
  EXPECT_EQ(0, InChild([] {
              if (prctl(GetParam().set, GetParam().value, 0, 0, 0) != 0) return 1;
              if (!Exists("/etc/passwd") || chdir("/tmp") != 0) return 2;
              return Get() == GetParam().value ? 0 : 3;
            }));
}

// getrlimit(2): each limit can be lowered, is inherited, and is told by prlimit and /proc.
struct Limit {
  const char* name;
  __rlimit_resource value;
  const char* in_proc;
};
constexpr Limit kLimits[] = {
    {"cpu", RLIMIT_CPU, "Max cpu time"},
    {"file_size", RLIMIT_FSIZE, "Max file size"},
    {"data", RLIMIT_DATA, "Max data size"},
    {"stack", RLIMIT_STACK, "Max stack size"},
    {"core", RLIMIT_CORE, "Max core file size"},
    {"processes", RLIMIT_NPROC, "Max processes"},
    {"files", RLIMIT_NOFILE, "Max open files"},
    {"locked_memory", RLIMIT_MEMLOCK, "Max locked memory"},
    {"address_space", RLIMIT_AS, "Max address space"},
    {"locks", RLIMIT_LOCKS, "Max file locks"},
    {"pending_signals", RLIMIT_SIGPENDING, "Max pending signals"},
    {"message_queues", RLIMIT_MSGQUEUE, "Max msgqueue size"},
    {"nice", RLIMIT_NICE, "Max nice priority"},
    {"real_time_priority", RLIMIT_RTPRIO, "Max realtime priority"},
    {"real_time", RLIMIT_RTTIME, "Max realtime timeout"},
};
class Limits : public ::testing::TestWithParam<Limit> {
 protected:
  // A soft limit that the process can live with, different from what is there.
  static rlim_t Lower() {
    rlimit now{};
    getrlimit(GetParam().value, &now);
    if (now.rlim_cur == RLIM_INFINITY) return rlim_t{1} << 40;
    return now.rlim_cur > 64 ? now.rlim_cur - 1 : 0;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, Limits, ::testing::ValuesIn(kLimits),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(Limits, LoweredSoftLimitIsInheritedAndTold) {
  EXPECT_EQ(0, InChild([] {
              rlimit now{};
              getrlimit(GetParam().value, &now);
              const rlim_t soft = Lower();
              const rlimit lower{soft, now.rlim_max};
              if (setrlimit(GetParam().value, &lower) != 0) return 1;
              return InChild([&] {
                rlimit told{};
                if (prlimit(0, GetParam().value, nullptr, &told) != 0) return 2;
                if (told.rlim_cur != soft) return 3;
                const std::string limits = ReadFile("/proc/self/limits");
                const size_t at = limits.find(GetParam().in_proc);
                if (at == std::string::npos) return 4;
                unsigned long long in_proc = 77;
                sscanf(limits.c_str() + at + 26, "%llu", &in_proc);
                return in_proc == soft ? 0 : 5;
              });
            }));
}
TEST_P(Limits, SoftAboveHardIsEinval) {
  const rlimit wrong{5, 4};
  EXPECT_CHILD_ERRNO(EINVAL, InChild([&] { return ErrnoOf(setrlimit(GetParam().value, &wrong)); }));
}
TEST_P(Limits, UserCannotRaiseTheHardLimit) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] {
                       rlimit now{};
                       getrlimit(GetParam().value, &now);
                       const rlim_t hard =
                           now.rlim_max == RLIM_INFINITY ? rlim_t{1} << 40 : now.rlim_max;
                       const rlimit lower{std::min(now.rlim_cur, hard), hard};
                       if (setrlimit(GetParam().value, &lower) != 0) return 199;
                       const rlimit more{lower.rlim_cur, hard + 1};
                       return ErrnoOf(setrlimit(GetParam().value, &more));
                     }));
}

}  // namespace
}  // namespace moat::conformance
