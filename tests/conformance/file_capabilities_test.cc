// capabilities(7), "File capabilities": what programs gain by them at exec, and what they see of
// it.
#include <endian.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <sstream>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

constexpr uint32_t Bit(int capability) { return 1U << capability; }

// A probe of its own for each way that a program can be linked, with capabilities.
class FileCapabilities : public Scratch, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(chmod(".", 0755));
    WriteFile("program", ReadFile(Probe(GetParam())), 0755);
    ASSERT_SUCCESS(chmod("program", 0755));
  }
  static void Give(uint32_t permitted, uint32_t inheritable, bool effective) {
    vfs_cap_data data{};
    data.magic_etc = htole32(VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0));
    data.data[0] = {htole32(permitted), htole32(inheritable)};
    ASSERT_SUCCESS(setxattr("program", "security.capability", &data, XATTR_CAPS_SZ_2, 0));
  }
  // "permitted effective inheritable ambient secure dumpable" of the program, run as user 1000 by a
  // process that has first done `before`.
  static std::string Run(const std::function<int()>& before = [] { return 0; }) {
    const Ran ran = ExecuteBy([&] {
      if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return;
      if (before() != 0) return;
      execl("program", "program", "capabilities", nullptr);
    });
    return ran.error != 0 ? NameOfErrno(ran.error) : ran.output;
  }
  // By a process that keeps its permitted capabilities when it becomes user 1000.
  static std::string RunInheriting(uint32_t inheritable) {
    const Ran ran = ExecuteBy([&] {
      __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
      __user_cap_data_struct data[2]{};
      if (syscall(SYS_capget, &header, data) != 0) return;
      data[0].inheritable = inheritable;
      if (syscall(SYS_capset, &header, data) != 0) return;
      if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return;
      execl("program", "program", "capabilities", nullptr);
    });
    return ran.error != 0 ? NameOfErrno(ran.error) : ran.output;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, FileCapabilities, ::testing::Values("static", "static_pie", "pie"),
                         [](const auto& of) { return std::string(of.param); });

TEST_P(FileCapabilities, NoneByDefault) { EXPECT_EQ("0 0 0 0 0 1\n", Run()); }
TEST_P(FileCapabilities, PermittedAndEffective) {
  Give(Bit(CAP_KILL) | Bit(CAP_CHOWN), 0, true);
  EXPECT_EQ("21 21 0 0 1 0\n", Run());
}
TEST_P(FileCapabilities, PermittedAlone) {
  Give(Bit(CAP_KILL), 0, false);
  EXPECT_EQ("20 0 0 0 1 0\n", Run());
}
TEST_P(FileCapabilities, InheritedOnes) {
  Give(0, Bit(CAP_KILL) | Bit(CAP_CHOWN), true);
  EXPECT_EQ("0 0 0 0 1 1\n", Run());
  EXPECT_EQ("20 20 60 0 1 0\n", RunInheriting(Bit(CAP_KILL) | Bit(CAP_SETGID)));
}
TEST_P(FileCapabilities, InheritableStayWhatTheyAre) {
  Give(Bit(CAP_KILL), 0, true);
  EXPECT_EQ("20 20 40 0 1 0\n", RunInheriting(Bit(CAP_SETGID)));
}
TEST_P(FileCapabilities, NoNewPrivileges) {
  Give(Bit(CAP_KILL), 0, true);
  EXPECT_EQ("0 0 0 0 1 1\n", Run([] { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }));
}
TEST_P(FileCapabilities, BeyondTheBoundingSetIsEperm) {
  Give(Bit(CAP_KILL), 0, true);
  const Ran ran = ExecuteBy([] {
    if (prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) != 0 || setresuid(1000, 1000, 1000) != 0) return;
    execl("program", "program", "capabilities", nullptr);
  });
  EXPECT_CHILD_ERRNO(EPERM, ran.error);
}
TEST_P(FileCapabilities, TheyWork) {
  Give(Bit(CAP_CHOWN), 0, true);
  WriteFile("file");
  const Ran ran = ExecuteBy([] {
    if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return;
    execl("program", "program", "chown", "file", "77", nullptr);
  });
  EXPECT_EQ(0, ran.status);
  EXPECT_EQ(77u, StatOf("file").st_uid);
}
TEST_P(FileCapabilities, RootIsNotHeldToThem) {
  Give(Bit(CAP_KILL), 0, true);
  const Ran ran = ExecuteBy([] { execl("program", "program", "capabilities", nullptr); });
  std::istringstream words(ran.output);
  uint64_t permitted = 0, effective = 0;
  words >> std::hex >> permitted >> effective;
  EXPECT_NE(0u, permitted & Bit(CAP_CHOWN));
  EXPECT_NE(0u, effective & Bit(CAP_CHOWN));
}
TEST_P(FileCapabilities, TheyAreNotPassedOn) {
  Give(Bit(CAP_KILL), 0, true);
  WriteFile("next", ReadFile(Probe("static")), 0755);
  ASSERT_SUCCESS(chmod("next", 0755));
  const Ran ran = ExecuteBy([] {
    if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return;
    execl("program", "program", "exec", "./next", "capabilities", nullptr);
  });
  EXPECT_EQ("0 0 0 0 0 1\n", ran.output);
}
TEST_P(FileCapabilities, ThroughAScript) {
  WriteFile("script", "#!" + dir() + "/program capabilities\n", 0755);
  ASSERT_SUCCESS(chmod("script", 0755));
  Give(Bit(CAP_KILL), 0, true);
  const Ran ran = ExecuteBy([] {
    if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return;
    execl("script", "script", nullptr);
  });
  EXPECT_EQ("20 20 0 0 1 0\n", ran.output);
}

}  // namespace
}  // namespace moat::conformance
