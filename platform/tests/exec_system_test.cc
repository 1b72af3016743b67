// exec through the stub, with programs of every kind, started in every way.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "platform/tests/sandbox.h"

namespace moat::platform::testing {
namespace {

std::string Guest(const std::string& kind) {
  return MOAT_GUEST_DIRECTORY "/platform_guest_" + kind;
}

// What the guest's "show" prints: argc|argv[0]|argv[2]|comm|AT_EXECFN|AT_BASE holds an ELF|MARK.
std::string Shown(int argc, const std::string& argv0, const std::string& argument,
                  const std::string& comm, const std::string& exec_name) {
  return std::to_string(argc) + "|" + argv0 + "|" + argument + "|" + comm.substr(0, 15) + "|" +
         exec_name + "|1|kept\n";
}

std::string Name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class Exec : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (::access(Guest(GetParam()).c_str(), X_OK) < 0)
      GTEST_SKIP() << "no " << GetParam() << " guest was built";
  }
  bool is_static() const { return std::string(GetParam()) == "static"; }
  std::string Expect(int argc) const {
    const std::string guest = Guest(GetParam());
    return Shown(argc, guest, "first", Name(guest), guest);
  }
};

TEST_P(Exec, Runs) {
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest(GetParam()), "show", "first"})), 0);
  EXPECT_EQ(sandbox.output(), Expect(3));
}

TEST_P(Exec, RunsFromAThreadThatIsNotTheLeader) {
  Sandbox sandbox;
  EXPECT_EQ(
      ExitCode(sandbox.Run({Guest(GetParam()), "thread", Guest(GetParam()), "show", "first"})), 0);
  EXPECT_EQ(sandbox.output(), Expect(3));
}

TEST_P(Exec, RunsFromAVforkChildOnASmallStack) {
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest(GetParam()), "vfork", Guest(GetParam()), "show", "first"})),
            0);
  EXPECT_EQ(sandbox.output(), Expect(3));
}

TEST_P(Exec, TakesAMegabyteOfArguments) {
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest(GetParam()), "large", Guest(GetParam()), "1000000"})), 0);
  EXPECT_EQ(sandbox.output(), Expect(1002));
}

TEST_P(Exec, ReportsAnErrorToTheCaller) {
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest(GetParam()), "exec", "/nonexistent"})), ENOENT);
  EXPECT_EQ(ExitCode(sandbox.Run({Guest(GetParam()), "large", Guest(GetParam()), "9000000"})),
            E2BIG);
}

TEST_P(Exec, RunsScriptsThroughTheStub) {
  const std::string script = "/tmp/moat_platform_script_" + std::string(GetParam());
  std::ofstream(script) << "#!" << Guest(GetParam()) << " show\n";
  ::chmod(script.c_str(), 0755);
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest("pie"), "exec", script, "one", "two"})), 0);
  const std::string guest = Guest(GetParam());
  if (!is_static()) {
    EXPECT_EQ(sandbox.output(), Shown(5, guest, script, Name(guest), guest));
  }
  EXPECT_EQ(ExitCode(sandbox.Run({Guest("pie"), "large", script, "1000000"})), 0);
  EXPECT_EQ(sandbox.output().substr(0, 5), "1004|");
  ::unlink(script.c_str());
}

INSTANTIATE_TEST_SUITE_P(Programs, Exec, ::testing::Values("static", "pie", "no_pie", "musl"),
                         [](const auto& parameter) { return std::string(parameter.param); });

class Interpreter : public ::testing::TestWithParam<const char*> {};

TEST_P(Interpreter, IsMappedAsTheKernelWouldMapIt) {
  const std::string program = Guest(std::string("on_") + GetParam());
  EXPECT_EQ(ExitCode(::system(program.c_str())), 33) << "natively";
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({program})), 33);
}

INSTANTIATE_TEST_SUITE_P(Layouts, Interpreter, ::testing::Values("plain", "fixed", "aligned"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST(ExecMany, RunsRealPrograms) {
  Sandbox sandbox;
  EXPECT_EQ(
      ExitCode(sandbox.Run({"/bin/bash", "-c", "for i in 1 2 3; do /bin/true; done; (exit 5)"})),
      5);
}

std::string NativeSpawn(const std::string& guest) {
  FILE* pipe = ::popen((guest + " spawn 300 /bin/true").c_str(), "r");
  char line[64] = "";
  if (!std::fgets(line, sizeof(line), pipe)) line[0] = '\0';
  ::pclose(pipe);
  return line;
}

TEST(ExecMany, TellsItsTimes) {
  Sandbox sandbox;
  EXPECT_EQ(ExitCode(sandbox.Run({Guest("static"), "spawn", "300", "/bin/true"})), 0);
  std::printf("fork+exec+wait of /bin/true: %s us in the sandbox, %s us natively\n",
              sandbox.output().c_str(), NativeSpawn(Guest("static")).c_str());
}

}  // namespace
}  // namespace moat::platform::testing
