// exec of "#!" scripts.
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Script : public Scratch {};

void MakeScript(const std::string& name, const std::string& first_line) {
  WriteFile(name, first_line + "\n", 0755);
}

TEST_F(Script, InterpreterGetsPathAndArguments) {
  MakeScript("script", "#!" + Probe("pie"));
  EXPECT_EQ("[" + Probe("pie") + "][./script][args][x]\n",
            Execute("./script", {"zeroth", "args", "x"}).output);
}
TEST_F(Script, StaticInterpreter) {
  MakeScript("script", "#!" + Probe("static"));
  EXPECT_EQ("[" + Probe("static") + "][./script]\n", Execute("./script", {"zeroth"}).output);
}
TEST_F(Script, OneArgumentWithSpacesStaysOne) {
  MakeScript("script", "#!" + Probe("pie") + "  args two words \t");
  EXPECT_EQ("[" + Probe("pie") + "][args two words][./script][a]\n",
            Execute("./script", {"z", "a"}).output);
}
TEST_F(Script, SpaceBeforeInterpreter) {
  MakeScript("script", "#! \t" + Probe("pie") + " args");
  EXPECT_EQ("[" + Probe("pie") + "][args][./script]\n", Execute("./script", {"z"}).output);
}
TEST_F(Script, WithoutNewlineAtEnd) {
  WriteFile("script", "#!" + Probe("pie") + " args", 0755);
  EXPECT_EQ("[" + Probe("pie") + "][args][./script]\n", Execute("./script", {"z"}).output);
}
TEST_F(Script, NestedFourDeep) {
  MakeScript("s1", "#!" + Probe("pie"));
  MakeScript("s2", "#!" + dir() + "/s1 two");
  MakeScript("s3", "#!" + dir() + "/s2 three");
  MakeScript("s4", "#!" + dir() + "/s3");
  EXPECT_EQ("[" + Probe("pie") + "][" + dir() + "/s1][two][" + dir() + "/s2][three][" + dir() +
                "/s3][./s4][a]\n",
            Execute("./s4", {"z", "a"}).output);
}
TEST_F(Script, NestedTooDeepIsEloop) {
  MakeScript("s1", "#!" + Probe("pie"));
  for (int i = 2; i <= 8; ++i) {
    MakeScript("s" + std::to_string(i), "#!" + dir() + "/s" + std::to_string(i - 1));
  }
  EXPECT_CHILD_ERRNO(ELOOP, Execute("./s8", {"z"}).error);
}
TEST_F(Script, OpenForWritingIsEtxtbsy) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd writer(open("script", O_WRONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ETXTBSY, Execute("./script", {"z"}).error);
}
TEST_F(Script, OpenForWritingIsEtxtbsyToATracee) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd writer(open("script", O_WRONLY | O_CLOEXEC));
  const Ran ran = ExecuteBy([] {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execv("./script", Pointers({"z"}).data());
  });
  EXPECT_CHILD_ERRNO(ETXTBSY, ran.error);
}
TEST_F(Script, OpenForWritingIsEtxtbsyByDescriptor) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd writer(open("script", O_WRONLY | O_CLOEXEC));
  Fd script(open("script", O_RDONLY));
  EXPECT_CHILD_ERRNO(
      ETXTBSY, ExecuteBy([&] { fexecve(script.get(), Pointers({"z"}).data(), environ); }).error);
}
TEST_F(Script, InterpreterThatIsAScriptOpenForWritingIsEtxtbsy) {
  MakeScript("inner", "#!" + Probe("pie"));
  MakeScript("outer", "#!" + dir() + "/inner");
  Fd writer(open("inner", O_WRONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ETXTBSY, Execute("./outer", {"z"}).error);
}
TEST_F(Script, InterpreterOpenForWritingIsEtxtbsy) {
  WriteFile("interpreter", ReadFile(Probe("static")), 0755);
  MakeScript("script", "#!" + dir() + "/interpreter");
  Fd writer(open("interpreter", O_WRONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ETXTBSY, Execute("./script", {"z"}).error);
}
TEST_F(Script, RefusedExecLeavesNoDescriptor) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd writer(open("script", O_WRONLY | O_CLOEXEC));
  const int before = Fd(open("/dev/null", O_RDONLY)).get();
  EXPECT_ERRNO(ETXTBSY, execv("./script", Pointers({"z"}).data()));
  EXPECT_EQ(before, Fd(open("/dev/null", O_RDONLY)).get());
}
TEST_F(Script, IsExecutedAsSoonAsItIsWritten) {
  for (int i = 0; i < 100; ++i) {
    const std::string word = std::to_string(i);
    MakeScript("script", "#!" + Probe("pie") + " " + word);
    EXPECT_EQ("[" + Probe("pie") + "][" + word + "][./script]\n",
              Execute("./script", {"z"}).output);
  }
}
TEST_F(Script, RunsWithoutRoomForADescriptor) {
  MakeScript("script", "#!" + Probe("pie"));
  const Ran ran = ExecuteBy([] {
    const rlimit limit = {16, 16};
    setrlimit(RLIMIT_NOFILE, &limit);
    while (dup(2) >= 0) {
    }
    close(15);
    execv("./script", Pointers({"z"}).data());
  });
  EXPECT_EQ("[" + Probe("pie") + "][./script]\n", ran.output);
}
TEST_F(Script, CheckTellsOfAWriterToo) {
  MakeScript("script", "#!" + Probe("pie"));
  WriteFile("program", ReadFile(Probe("static")), 0755);
  constexpr int kCheck = 0x10000;  // AT_EXECVE_CHECK
  const auto check = [](const char* name) {
    return syscall(SYS_execveat, AT_FDCWD, name, Pointers({"z"}).data(), environ, kCheck);
  };
  if (check("script") == -1 && errno == EINVAL) GTEST_SKIP() << "before Linux 6.14";
  for (const char* name : {"script", "program"}) {
    EXPECT_SUCCESS(check(name));
    Fd writer(open(name, O_WRONLY | O_CLOEXEC));
    EXPECT_ERRNO(ETXTBSY, check(name));
  }
}
TEST_F(Script, MissingInterpreterIsEnoent) {
  MakeScript("script", "#!/missing/interpreter");
  EXPECT_CHILD_ERRNO(ENOENT, Execute("./script", {"z"}).error);
}
TEST_F(Script, InterpreterWithoutPermissionIsEacces) {
  WriteFile("interpreter", "x", 0644);
  MakeScript("script", "#!" + dir() + "/interpreter");
  EXPECT_CHILD_ERRNO(EACCES, Execute("./script", {"z"}).error);
}
TEST_F(Script, NoInterpreterIsEnoexec) {
  MakeScript("script", "#!   ");
  EXPECT_CHILD_ERRNO(ENOEXEC, Execute("./script", {"z"}).error);
}
TEST_F(Script, RelativeInterpreterStartsAtTheWorkingDirectory) {
  ASSERT_SUCCESS(symlink(Probe("pie").c_str(), "here"));
  MakeScript("script", "#!./here");
  EXPECT_EQ("[./here][./script]\n", Execute("./script", {"z"}).output);
}
TEST_F(Script, CommIsTheScriptsName) {
  MakeScript("my_script", "#!" + Probe("pie") + " comm");
  EXPECT_EQ("my_script\n", Execute("./my_script", {"z"}).output);
}
TEST_F(Script, ExeIsTheInterpreter) {
  MakeScript("script", "#!" + Probe("pie") + " exe");
  EXPECT_EQ(Probe("pie") + "\n", Execute("./script", {"z"}).output);
}
TEST_F(Script, ExecFnIsTheScript) {
  MakeScript("script", "#!" + Probe("pie") + " execfn");
  EXPECT_EQ("./script\n", Execute("./script", {"z"}).output);
}
TEST_F(Script, CmdlineIsTheInterpretersArguments) {
  MakeScript("script", "#!" + Probe("pie") + " cmdline");
  EXPECT_EQ(Probe("pie") + "|cmdline|./script|a|\n", Execute("./script", {"z", "a"}).output);
}
TEST_F(Script, EnvironmentArrives) {
  MakeScript("script", "#!" + Probe("pie") + " env");
  EXPECT_EQ("[A=1]\n", Execute("./script", {"z"}, {"A=1"}).output);
}
TEST_F(Script, ByDescriptorSeesDevFd) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd fd(open("script", O_RDONLY));  // without close-on-exec, or the interpreter could not read it
  const Ran ran = ExecuteBy([&] { fexecve(fd.get(), Pointers({"z", "a"}).data(), environ); });
  EXPECT_EQ("[" + Probe("pie") + "][/dev/fd/" + std::to_string(fd.get()) + "][a]\n", ran.output);
}
TEST_F(Script, ByDescriptorWithCloseOnExecIsEnoent) {
  MakeScript("script", "#!" + Probe("pie"));
  Fd fd(open("script", O_RDONLY | O_CLOEXEC));
  const Ran ran = ExecuteBy(
      [&] { syscall(SYS_execveat, fd.get(), "", Pointers({"z"}).data(), environ, AT_EMPTY_PATH); });
  EXPECT_CHILD_ERRNO(ENOENT, ran.error);
}
TEST_F(Script, MillionBytesOfArgumentsPass) {
  MakeScript("script", "#!" + Probe("pie") + " size");
  std::vector<std::string> argv(11, std::string(100000, 'x'));
  const size_t total = Probe("pie").size() + 4 + 8 + 1000000;
  EXPECT_EQ("13 " + std::to_string(total) + "\n", Execute("./script", argv).output);
}
TEST_F(Script, AfterVfork) {
  MakeScript("script", "#!" + Probe("pie") + " args");
  const pid_t child = vfork();
  if (child == 0) {
    const Fd null(open("/dev/null", O_WRONLY));
    dup2(null.get(), STDOUT_FILENO);
    execl("./script", "z", "a", nullptr);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}
TEST_F(Script, ShellScriptThroughPath) {
  WriteFile("tool", "#!/bin/sh\necho from $0 with $1\n", 0755);
  EXPECT_EQ("from ./tool with it\n", Execute("./tool", {"z", "it"}, {"PATH=/bin"}).output);
}
TEST_F(Script, KeepsNoStrayDescriptor) {
  MakeScript("script", "#!" + Probe("pie") + " fds");
  EXPECT_EQ("0 1 2 \n", Execute("./script", {"z"}).output);
}

}  // namespace
}  // namespace moat::conformance
