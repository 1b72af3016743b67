// Profiles on the real kernel: in a child, without privileges.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/seccomp/profile.h"

namespace moat::seccomp {
namespace {

using testing::HasSubstr;

constexpr uint64_t kCookie = 0x1122334455667788;
constexpr int kPlanCall = 0x6d6f61;
constexpr int kKilledBySigsys = 1000, kKilledOtherwise = 1001;

std::optional<int> NumberOf(absl::string_view name) {
  static const std::map<absl::string_view, int> kNumbers = {{"getppid", SYS_getppid},
                                                            {"fcntl", SYS_fcntl},
                                                            {"dup2", SYS_dup2},
                                                            {"lseek", SYS_lseek},
                                                            {"exit_group", SYS_exit_group}};
  const auto found = kNumbers.find(name);
  return found == kNumbers.end() ? std::nullopt : std::optional<int>(found->second);
}

absl::StatusOr<Profile> Compile(const spec::Seccomp& config) {
  return CompileProfile(config, {NumberOf, kCookie, kPlanCall});
}

// A profile that refuses nothing but what `syscalls` say.
spec::Seccomp Allowing(std::vector<spec::SeccompSyscall> syscalls) {
  spec::Seccomp config;
  config.default_action = "SCMP_ACT_ALLOW";
  config.syscalls = std::move(syscalls);
  return config;
}

// The errno of `nr` (0: success) under the profile, or one of the above.
int Ask(const spec::Seccomp& config, long nr, std::vector<uint64_t> args = {}) {
  const auto profile = Compile(config);
  if (!profile.ok()) {
    ADD_FAILURE() << profile.status();
    return -1;
  }
  args.resize(6);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!InstallProfile(*profile).ok()) ::_exit(200);
    const long result = ::syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    const int error = result < 0 ? errno : 0;
    ::syscall(SYS_exit_group, error);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS ? kKilledBySigsys : kKilledOtherwise;
  return WEXITSTATUS(status);
}

spec::SeccompSyscall Refuse(const std::string& name, std::vector<spec::SeccompArg> args = {},
                            std::optional<uint32_t> error = {}) {
  return {{name}, "SCMP_ACT_ERRNO", error, std::move(args)};
}

std::string FaultOf(const spec::Seccomp& config) {
  return std::string(Compile(config).status().message());
}

TEST(SeccompProfile, ErrnoIsEpermUnlessGiven) {
  EXPECT_EQ(Ask(Allowing({Refuse("getppid")}), SYS_getppid), EPERM);
  EXPECT_EQ(Ask(Allowing({Refuse("getppid", {}, ENODEV)}), SYS_getppid), ENODEV);
  EXPECT_EQ(Ask(Allowing({Refuse("getppid")}), SYS_getpid), 0);
}

TEST(SeccompProfile, ErrnoZeroSkipsTheCall) {
  EXPECT_EQ(Ask(Allowing({}), SYS_dup2, {200, 201}), EBADF);
  EXPECT_EQ(Ask(Allowing({Refuse("dup2", {}, 0)}), SYS_dup2, {200, 201}), 0);
}

TEST(SeccompProfile, Operators) {
  struct {
    const char* op;
    uint64_t value, value_two;
    std::vector<uint64_t> hit, miss;
  } const kCases[] = {
      {"SCMP_CMP_EQ", 5, 0, {5}, {4, 6, 5 + (uint64_t{1} << 32)}},
      {"SCMP_CMP_NE", 5, 0, {4, 6, 5 + (uint64_t{1} << 32)}, {5}},
      {"SCMP_CMP_LT", 5, 0, {0, 4}, {5, 6, uint64_t{1} << 40}},
      {"SCMP_CMP_LE", 5, 0, {0, 5}, {6, uint64_t{1} << 40}},
      {"SCMP_CMP_GT", 5, 0, {6, uint64_t{1} << 40}, {0, 5}},
      {"SCMP_CMP_GE", 5, 0, {5, 6, uint64_t{1} << 40}, {0, 4}},
      {"SCMP_CMP_LE", ~uint64_t{0}, 0, {0, ~uint64_t{0}}, {}},
      {"SCMP_CMP_GT", ~uint64_t{0}, 0, {}, {0, ~uint64_t{0}}},
      {"SCMP_CMP_MASKED_EQ", 6, 4, {4, 5, 12}, {6, 0}},
      {"SCMP_CMP_MASKED_EQ", uint64_t{1} << 33, uint64_t{1} << 33, {uint64_t{3} << 32}, {1, 0}},
  };
  for (const auto& one : kCases) {
    const auto config = Allowing({Refuse("dup2", {{1, one.value, one.value_two, one.op}}, ENODEV)});
    for (uint64_t value : one.hit) EXPECT_EQ(Ask(config, SYS_dup2, {999, value}), ENODEV) << one.op;
    for (uint64_t value : one.miss) EXPECT_EQ(Ask(config, SYS_dup2, {999, value}), EBADF) << one.op;
  }
}

TEST(SeccompProfile, ArgumentsOfOneEntryHoldTogether) {
  const auto config =
      Allowing({Refuse("dup2", {{0, 999, 0, "SCMP_CMP_EQ"}, {1, 5, 0, "SCMP_CMP_EQ"}}, ENODEV)});
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), ENODEV);
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 6}), EBADF);
  EXPECT_EQ(Ask(config, SYS_dup2, {998, 5}), EBADF);
}

TEST(SeccompProfile, OneArgumentComparedTwiceIsAnAlternative) {
  const auto config =
      Allowing({Refuse("dup2", {{1, 5, 0, "SCMP_CMP_EQ"}, {1, 7, 0, "SCMP_CMP_EQ"}}, ENODEV)});
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), ENODEV);
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 7}), ENODEV);
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 6}), EBADF);
}

TEST(SeccompProfile, TheStrongerOfTwoEntriesCounts) {
  const std::vector<spec::SeccompArg> five = {{1, 5, 0, "SCMP_CMP_EQ"}};
  const auto config = Allowing({{{"dup2"}, "SCMP_ACT_LOG", {}, five}, Refuse("dup2", five)});
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), EPERM);
}

TEST(SeccompProfile, ARefusalForSomeArgumentsOutlivesAnAllowanceForAll) {
  const std::vector<spec::SeccompArg> five = {{1, 5, 0, "SCMP_CMP_EQ"}};
  const spec::SeccompSyscall allowed = {{"dup2"}, "SCMP_ACT_ALLOW", {}, {}};
  const spec::SeccompSyscall killed = {{"dup2"}, "SCMP_ACT_KILL_PROCESS", {}, five};
  for (const auto& config :
       {Allowing({allowed, Refuse("dup2", five)}), Allowing({Refuse("dup2", five), allowed})}) {
    EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), EPERM);
    EXPECT_EQ(Ask(config, SYS_dup2, {999, 6}), EBADF);
  }
  const auto config = Allowing({killed, Refuse("dup2")});
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), kKilledBySigsys);
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 6}), EPERM);
}

TEST(SeccompProfile, ARefusalForAllOutweighsWhatAllowsSome) {
  const std::vector<spec::SeccompArg> five = {{1, 5, 0, "SCMP_CMP_EQ"}};
  const auto config =
      Allowing({{{"dup2"}, "SCMP_ACT_ALLOW", {}, five}, Refuse("dup2", {}, ENODEV)});
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 5}), ENODEV);
  EXPECT_EQ(Ask(config, SYS_dup2, {999, 6}), ENODEV);
}

TEST(SeccompProfile, KillAndTrap) {
  EXPECT_EQ(Ask(Allowing({{{"getppid"}, "SCMP_ACT_KILL_PROCESS", {}, {}}}), SYS_getppid),
            kKilledBySigsys);
  EXPECT_EQ(Ask(Allowing({{{"getppid"}, "SCMP_ACT_KILL", {}, {}}}), SYS_getppid), kKilledBySigsys);
  EXPECT_EQ(Ask(Allowing({{{"getppid"}, "SCMP_ACT_TRAP", {}, {}}}), SYS_getppid), kKilledBySigsys);
}

TEST(SeccompProfile, TraceWithoutTracer) {
  EXPECT_EQ(Ask(Allowing({{{"getppid"}, "SCMP_ACT_TRACE", 7, {}}}), SYS_getppid), ENOSYS);
}

// The newest call of a profile divides what its author refused from what he could not know.
TEST(SeccompProfile, CallsNewerThanTheProfileAreUnknown) {
  spec::Seccomp config;
  config.default_action = "SCMP_ACT_ERRNO";
  config.syscalls = {{{"exit_group", "no_such_call"}, "SCMP_ACT_ALLOW", {}, {}}};
  EXPECT_EQ(Ask(config, SYS_getppid), EPERM);
  EXPECT_EQ(Ask(config, SYS_getcpu), ENOSYS);
}

TEST(SeccompProfile, DefaultErrno) {
  spec::Seccomp config;
  config.default_action = "SCMP_ACT_ERRNO";
  config.default_errno_ret = ENOTTY;
  config.syscalls = {{{"exit_group"}, "SCMP_ACT_ALLOW", {}, {}}};
  EXPECT_EQ(Ask(config, SYS_getppid), ENOTTY);
}

TEST(SeccompProfile, SessionsPass) {
  const auto config = Allowing({Refuse("fcntl")});
  EXPECT_EQ(Ask(config, SYS_fcntl, {0, F_GETFD}), EPERM);
  EXPECT_EQ(Ask(config, SYS_fcntl, {999, F_GETFD, 0, 0, 0, kCookie}), EBADF);
  EXPECT_EQ(Ask(config, SYS_fcntl, {999, F_GETFD, 0, 0, 0, kCookie + 1}), EPERM);
  // Other calls have no such door.
  EXPECT_EQ(Ask(Allowing({Refuse("getppid")}), SYS_getppid, {0, 0, 0, 0, 0, kCookie}), EPERM);
}

TEST(SeccompProfile, FaultsNameTheField) {
  spec::Seccomp config = Allowing({});
  config.default_action = "ALLOW";
  EXPECT_THAT(FaultOf(config), HasSubstr("linux.seccomp.defaultAction: \"ALLOW\""));
  config = Allowing({{{"getppid"}, "SCMP_ACT_NOTIFY", {}, {}}});
  EXPECT_THAT(FaultOf(config), HasSubstr("linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY"));
  config = Allowing({{{"getppid"}, "SCMP_ACT_KILL", 5, {}}});
  EXPECT_THAT(FaultOf(config), HasSubstr("takes no errno"));
  config = Allowing({Refuse("getppid", {}, 5000)});
  EXPECT_THAT(FaultOf(config), HasSubstr("5000 is not an errno"));
  config = Allowing({Refuse("getppid", {{6, 0, 0, "SCMP_CMP_EQ"}})});
  EXPECT_THAT(FaultOf(config), HasSubstr("linux.seccomp.syscalls[0].args[0].index"));
  config = Allowing({Refuse("getppid", {{0, 0, 0, "=="}})});
  EXPECT_THAT(FaultOf(config), HasSubstr("\"==\" is not an operator"));
  config = Allowing({Refuse("getppid", {{0, 1, 2, "SCMP_CMP_MASKED_EQ"}})});
  EXPECT_THAT(FaultOf(config), HasSubstr("valueTwo"));
  config = Allowing({{{}, "SCMP_ACT_ERRNO", {}, {}}});
  EXPECT_THAT(FaultOf(config), HasSubstr("syscalls[0].names"));
  config = Allowing({});
  config.flags = {"NONSENSE"};
  EXPECT_THAT(FaultOf(config), HasSubstr("linux.seccomp.flags[0]"));
  config = Allowing({});
  config.architectures = {"x86"};
  EXPECT_THAT(FaultOf(config), HasSubstr("linux.seccomp.architectures[0]"));
}

TEST(SeccompProfile, AlwaysAllowsWhatNoEntryCanRefuse) {
  spec::Seccomp config = Allowing({Refuse("dup2"), Refuse("fcntl", {{1, 1, 0, "SCMP_CMP_EQ"}})});
  EXPECT_TRUE(AlwaysAllows(config, "stat"));
  EXPECT_FALSE(AlwaysAllows(config, "dup2"));
  EXPECT_FALSE(AlwaysAllows(config, "fcntl"));
  config.default_action = "SCMP_ACT_ERRNO";
  EXPECT_FALSE(AlwaysAllows(config, "stat"));
  config.syscalls = {{{"stat", "lstat"}, "SCMP_ACT_ALLOW", {}, {}},
                     {{"access"}, "SCMP_ACT_ALLOW", {}, {{1, 1, 0, "SCMP_CMP_EQ"}}}};
  EXPECT_TRUE(AlwaysAllows(config, "lstat"));
  EXPECT_FALSE(AlwaysAllows(config, "access"));
}

}  // namespace
}  // namespace moat::seccomp
