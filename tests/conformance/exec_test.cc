// execve(2), execveat(2) and what a new program is told about itself.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/conformance/access_list.h"
#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Exec : public Scratch {};
// The same for every way a program can be linked.
class ExecShape : public Scratch, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string program() const { return Probe(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Linked, ExecShape,
                         ::testing::Values("static", "static_pie", "pie", "nopie", "musl_static",
                                           "musl"),
                         [](const auto& shape) { return std::string(shape.param); });

TEST_P(ExecShape, GetsItsArguments) {
  const Ran ran = Execute(program(), {"zeroth", "args", "", "with space", "\xff\xfe"});
  EXPECT_EQ(0, ran.error);
  EXPECT_EQ("[zeroth][args][][with space][\xff\xfe]\n", ran.output);
}
TEST_P(ExecShape, GetsItsEnvironment) {
  EXPECT_EQ("[A=1][B=][=odd]\n", Execute(program(), {"p", "env"}, {"A=1", "B=", "=odd"}).output);
}
TEST_P(ExecShape, ExeIsTheProgram) {
  EXPECT_EQ(program() + "\n", Execute(program(), {"p", "exe"}).output);
}
TEST_P(ExecShape, CommIsItsFileName) {
  EXPECT_EQ(std::string(GetParam()) + "\n", Execute(program(), {"p", "comm"}).output);
}
TEST_P(ExecShape, CmdlineIsItsArguments) {
  EXPECT_EQ("other name|cmdline|last|\n",
            Execute(program(), {"other name", "cmdline", "last"}).output);
}
TEST_P(ExecShape, ExecFnIsThePathAsGiven) {
  ASSERT_SUCCESS(symlink(program().c_str(), "linked"));
  EXPECT_EQ("./linked\n", Execute("./linked", {"p", "execfn"}).output);
}
TEST_P(ExecShape, CommIsTheNameThatWasExecuted) {
  ASSERT_SUCCESS(symlink(program().c_str(), "a_name_of_its_own"));
  EXPECT_EQ("a_name_of_its_o\n", Execute("./a_name_of_its_own", {"p", "comm"}).output);
}
TEST_P(ExecShape, NamesSurviveManyArguments) {
  std::vector<std::string> argv(20000, "argument");
  argv[0] = "p", argv[1] = "execfn";
  EXPECT_EQ(program() + "\n", Execute(program(), argv).output);
}
TEST_P(ExecShape, ExitCodeArrives) {
  EXPECT_EQ(42, Execute(program(), {"p", "exit", "42"}).status);
}
TEST_P(ExecShape, KeepsOnlyDescriptorsWithoutCloseOnExec) {
  Fd kept(open("/dev/null", O_RDONLY));
  Fd closed(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_NE(-1, dup2(kept.get(), 50));
  EXPECT_EQ("0 1 2 " + std::to_string(kept.get()) + " 50 \n",
            Execute(program(), {"p", "fds"}).output);
  close(50);
}
TEST_P(ExecShape, BaseAddressIsThatOfTheInterpreter) {
  const bool dynamic = program().find("static") == std::string::npos;
  EXPECT_EQ(dynamic ? "dynamic aligned\n" : "static aligned\n",
            Execute(program(), {"p", "base"}).output);
}
TEST_P(ExecShape, IsNotSecureWithOwnIds) {
  EXPECT_EQ("0\n", Execute(program(), {"p", "secure"}).output);
}
TEST_P(ExecShape, ByDescriptor) {
  Fd fd(open(program().c_str(), O_RDONLY | O_CLOEXEC));
  const Ran ran = ExecuteBy([&] { fexecve(fd.get(), Pointers({"p", "args"}).data(), environ); });
  EXPECT_EQ("[p][args]\n", ran.output);
}
TEST_P(ExecShape, ByPathDescriptor) {
  Fd fd(open(program().c_str(), O_PATH | O_CLOEXEC));
  const Ran ran = ExecuteBy([&] {
    syscall(SYS_execveat, fd.get(), "", Pointers({"p", "args"}).data(), environ, AT_EMPTY_PATH);
  });
  EXPECT_EQ("[p][args]\n", ran.output);
}
TEST_P(ExecShape, ByProcSelfFd) {
  Fd fd(open(program().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ("[p]\n", Execute("/proc/self/fd/" + std::to_string(fd.get()), {"p"}).output);
}
TEST_P(ExecShape, FromAMemfd) {
  Fd memory(memfd_create("program", MFD_CLOEXEC));
  const std::string bytes = ReadFile(program());
  ASSERT_EQ(static_cast<ssize_t>(bytes.size()), write(memory.get(), bytes.data(), bytes.size()));
  const Ran ran = ExecuteBy([&] {
    fexecve(memory.get(), Pointers({"p", "args"}).data(), environ);
  });
  EXPECT_EQ("[p][args]\n", ran.output);
}
TEST_P(ExecShape, RunsWhenItMayBeExecutedButNotRead) {
  const std::string copy = dir() + "/copy";
  WriteFile(copy, ReadFile(program()), 0711);
  EXPECT_EQ(0, As({}, [&] {
              const Ran ran = Execute(copy, {"p", "args"});
              return ran.error != 0 ? ran.error : ran.output == "[p][args]\n" ? 0 : 198;
            }));
}

// Who shares the descriptor table of a task that executes such a program must not get to read it.
TEST_F(Exec, ProgramThatMayNotBeReadIsInNobodysDescriptors) {
  const std::string copy = dir() + "/copy";
  WriteFile(copy, ReadFile(Probe("static")), 0711);
  EXPECT_EQ(0, As({}, [&] {
              std::atomic<bool> done = false, read = false;
              std::thread watcher([&] {
                while (!done) {
                  for (int fd = 3; fd < 20; ++fd) {
                    char head[4];
                    if (pread(fd, head, 4, 0) == 4 && std::memcmp(head, "\177ELF", 4) == 0)
                      read = true;
                  }
                }
              });
              int failed = 0;
              for (int i = 0; i < 40; ++i) {
                const auto child = static_cast<pid_t>(
                    syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
                if (child == 0) {
                  execl(copy.c_str(), "p", "exit", "7", nullptr);
                  _exit(100);
                }
                int status = 0;
                if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) ++failed;
              }
              done = true;
              watcher.join();
              return read ? 101 : failed;
            }));
}
TEST_F(Exec, LongArgumentListOf1MB) {
  std::vector<std::string> argv = {"p", "size"};
  size_t total = 5;
  while (total < (1u << 20)) {
    argv.push_back(std::string(100000, 'x'));
    total += 100000;
  }
  EXPECT_EQ(std::to_string(argv.size()) + " " + std::to_string(total) + "\n",
            Execute(Probe("pie"), argv).output);
}
TEST_F(Exec, ManyArguments) {
  std::vector<std::string> argv = {"p", "size"};
  argv.resize(50000, "a");
  EXPECT_EQ("50000 50003\n", Execute(Probe("pie"), argv).output);
}
TEST_F(Exec, ArgumentOf128KiBIsE2big) {
  EXPECT_CHILD_ERRNO(E2BIG, Execute(Probe("pie"), {"p", std::string(128 << 10, 'x')}).error);
}
TEST_F(Exec, ListBeyondTheStackLimitIsE2big) {
  EXPECT_CHILD_ERRNO(E2BIG, InChild([] {
                       const rlimit limit{1 << 20, 1 << 20};
                       setrlimit(RLIMIT_STACK, &limit);
                       std::vector<std::string> argv(20, std::string(100000, 'x'));
                       return Execute(Probe("static"), argv).error;
                     }));
}
TEST_F(Exec, EmptyArgumentListGetsAnEmptyZeroth) {
  EXPECT_EQ("[]\n", ExecuteBy([] {
                      char* none[] = {nullptr};
                      execve(Probe("static").c_str(), none, none);
                    }).output);
}
TEST_F(Exec, MissingIsEnoent) { EXPECT_CHILD_ERRNO(ENOENT, Execute("missing", {"p"}).error); }
TEST_F(Exec, EmptyPathIsEnoent) { EXPECT_CHILD_ERRNO(ENOENT, Execute("", {"p"}).error); }
TEST_F(Exec, DirectoryIsEacces) { EXPECT_CHILD_ERRNO(EACCES, Execute(".", {"p"}).error); }
TEST_F(Exec, NotExecutableIsEaccesEvenForRoot) {
  WriteFile("file", ReadFile(Probe("static")), 0644);
  EXPECT_CHILD_ERRNO(EACCES, Execute("./file", {"p"}).error);
}
TEST_F(Exec, BelowAFileIsEnotdir) {
  WriteFile("file");
  EXPECT_CHILD_ERRNO(ENOTDIR, Execute("file/x", {"p"}).error);
}
TEST_F(Exec, LoopIsEloop) {
  ASSERT_SUCCESS(symlink("self", "self"));
  EXPECT_CHILD_ERRNO(ELOOP, Execute("self", {"p"}).error);
}
TEST_F(Exec, NoFollowOnLinkIsEloop) {
  ASSERT_SUCCESS(symlink(Probe("static").c_str(), "link"));
  const Ran ran = ExecuteBy([] {
    syscall(SYS_execveat, AT_FDCWD, "link", Pointers({"p"}).data(), environ, AT_SYMLINK_NOFOLLOW);
  });
  EXPECT_CHILD_ERRNO(ELOOP, ran.error);
}
TEST_F(Exec, UnknownFormatIsEnoexec) {
  WriteFile("text", "just text\n", 0755);
  EXPECT_CHILD_ERRNO(ENOEXEC, Execute("./text", {"p"}).error);
}
TEST_F(Exec, EmptyFileIsEnoexec) {
  WriteFile("empty", "", 0755);
  EXPECT_CHILD_ERRNO(ENOEXEC, Execute("./empty", {"p"}).error);
}
TEST_F(Exec, TruncatedElfIsEnoexec) {
  WriteFile("elf", ReadFile(Probe("static")).substr(0, 40), 0755);
  EXPECT_CHILD_ERRNO(ENOEXEC, Execute("./elf", {"p"}).error);
}
TEST_F(Exec, ElfOfAnotherMachineIsEnoexec) {
  std::string bytes = ReadFile(Probe("static"));
  bytes[18] = '\xb7';  // e_machine: EM_AARCH64
  WriteFile("elf", bytes, 0755);
  EXPECT_CHILD_ERRNO(ENOEXEC, Execute("./elf", {"p"}).error);
}
TEST_F(Exec, MissingInterpreterOfElfIsEnoent) {
  std::string bytes = ReadFile(Probe("pie"));
  const size_t at = bytes.find("/lib64/ld-linux");
  ASSERT_NE(std::string::npos, at);
  bytes[at + 1] = 'X';
  WriteFile("elf", bytes, 0755);
  EXPECT_CHILD_ERRNO(ENOENT, Execute("./elf", {"p"}).error);
}
TEST_F(Exec, FileOpenForWritingIsEtxtbsy) {
  WriteFile("copy", ReadFile(Probe("static")), 0755);
  Fd writer(open("copy", O_WRONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ETXTBSY, Execute("./copy", {"p"}).error);
}
TEST_F(Exec, ElfInterpreterOpenForWritingIsEtxtbsy) {
  constexpr char kLoader[] = "/lib64/ld-linux-x86-64.so.2";
  std::string program = ReadFile(Probe("pie"));
  const size_t at = program.find(kLoader);
  ASSERT_NE(at, std::string::npos);
  const std::string loader = "/tmp/loader." + std::to_string(getpid());
  std::string name = loader;
  name.resize(sizeof(kLoader));
  program.replace(at, name.size(), name);
  WriteFile("program", program, 0755);
  WriteFile(loader, ReadFile(kLoader), 0755);
  EXPECT_EQ("[p]\n", Execute("./program", {"p"}).output);
  Fd writer(open(loader.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ETXTBSY, Execute("./program", {"p"}).error);
  EXPECT_SUCCESS(unlink(loader.c_str()));
}
TEST_F(Exec, RunningProgramCannotBeWritten) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  WriteFile("sleeper", ReadFile("/bin/sleep"), 0755);
  const pid_t child = fork();
  if (child == 0) {
    execl("./sleeper", "sleeper", "30", nullptr);
    _exit(1);
  }
  close(ends[1]);
  char ignored;
  EXPECT_EQ(0, read(ends[0], &ignored, 1));  // the child's end closed: it has executed
  close(ends[0]);
  EXPECT_ERRNO(ETXTBSY, open("sleeper", O_WRONLY));
  kill(child, SIGKILL);
  EXPECT_EQ(child, waitpid(child, nullptr, 0));
}
TEST_F(Exec, UnmappedPathIsEfault) {
  const Ran ran = ExecuteBy([] { syscall(SYS_execve, 0x7ffffffff000L, nullptr, nullptr); });
  EXPECT_CHILD_ERRNO(EFAULT, ran.error);
}
TEST_F(Exec, UnmappedArgumentIsEfault) {
  const Ran ran = ExecuteBy([] { syscall(SYS_execve, "/bin/true", 0x7ffffffff000L, nullptr); });
  EXPECT_CHILD_ERRNO(EFAULT, ran.error);
}
TEST_F(Exec, FailedExecLeavesTheCallerWhole) {
  WriteFile("text", "just text\n", 0755);
  Fd before(open("/dev/null", O_RDONLY));
  const int lowest = before.get();
  before.Reset();
  EXPECT_ERRNO(ENOEXEC, execl("./text", "p", nullptr));
  EXPECT_ERRNO(ENOENT, execl("./missing", "p", nullptr));
  Fd after(open("/dev/null", O_RDONLY));
  EXPECT_EQ(lowest, after.get());
}

TEST_F(Exec, RelativeToADescriptor) {
  const std::string folder = GetOptions().probes;
  Fd base(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Ran ran = ExecuteBy([&] {
    syscall(SYS_execveat, base.get(), "static", Pointers({"p", "args"}).data(), environ, 0);
  });
  EXPECT_EQ("[p][args]\n", ran.output);
}
TEST_F(Exec, OriginIsTheFolderOfTheProgram) {
  EXPECT_EQ("found beside the program\n", Execute(Probe("origin/program"), {"p", "origin"}).output);
}
TEST_F(Exec, OriginThroughALink) {
  ASSERT_SUCCESS(symlink(Probe("origin/program").c_str(), "link"));
  EXPECT_EQ("found beside the program\n", Execute("./link", {"p", "origin"}).output);
}
TEST_F(Exec, ProcSelfExeRunsItAgain) {
  const Ran ran = Execute("/proc/self/exe", {"conformance", "--gtest_list_tests"});
  EXPECT_EQ(0, ran.error);
  EXPECT_EQ(2, ran.status);  // without its options the program says how it is used
}
TEST_F(Exec, PrctlNameIsReplaced) {
  EXPECT_EQ("static\n", ExecuteBy([] {
                          prctl(PR_SET_NAME, "before");
                          execl(Probe("static").c_str(), "p", "comm", nullptr);
                        }).output);
}
TEST_F(Exec, LongFileNameIsCutInComm) {
  WriteFile("a_name_longer_than_fifteen", ReadFile(Probe("static")), 0755);
  EXPECT_EQ("a_name_longer_t\n", Execute("./a_name_longer_than_fifteen", {"p", "comm"}).output);
}

TEST_F(Exec, AfterVfork) {
  for (int i = 0; i < 20; ++i) {
    const std::string program = Probe("pie");
    const pid_t child = vfork();
    if (child == 0) {
      execl(program.c_str(), "p", "exit", "7", nullptr);
      _exit(1);
    }
    int status = 0;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    ASSERT_EQ(7, WEXITSTATUS(status));
  }
}
TEST_F(Exec, FailureAfterVforkReachesTheChild) {
  volatile int error = 0;
  const pid_t child = vfork();
  if (child == 0) {
    execl("/missing", "p", nullptr);
    error = errno;
    _exit(1);
  }
  ASSERT_EQ(child, waitpid(child, nullptr, 0));
  EXPECT_CHILD_ERRNO(ENOENT, error);
}
TEST_F(Exec, FromAThreadKeepsThePid) {
  const Ran ran = ExecuteBy(
      [] { std::thread([] { execl(Probe("pie").c_str(), "p", "args", nullptr); }).join(); });
  EXPECT_EQ("[p][args]\n", ran.output);
  EXPECT_EQ(0, ran.status);
}
TEST_F(Exec, FromAThreadEndsTheOthers) {
  const Ran ran = ExecuteBy([] {
    for (int i = 0; i < 4; ++i) std::thread([] { pause(); }).detach();
    std::thread([] { execl(Probe("static").c_str(), "p", "exit", "9", nullptr); }).join();
  });
  EXPECT_EQ(9, ran.status);
}
TEST_F(Exec, PendingSignalsAndMaskSurvive) {
  const Ran ran = ExecuteBy([] {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, nullptr);
    raise(SIGUSR1);
    execl("/bin/cat", "cat", "/proc/self/status", nullptr);
  });
  EXPECT_NE(std::string::npos, ran.output.find("SigPnd:\t0000000000000200"));
  EXPECT_NE(std::string::npos, ran.output.find("SigBlk:\t0000000000000200"));
}
TEST_F(Exec, HandlersAreResetIgnoredStay) {
  const Ran ran = ExecuteBy([] {
    signal(SIGUSR1, [](int) {});
    signal(SIGUSR2, SIG_IGN);
    execl("/bin/cat", "cat", "/proc/self/status", nullptr);
  });
  EXPECT_NE(std::string::npos, ran.output.find("SigIgn:\t0000000000000800"));
  EXPECT_NE(std::string::npos, ran.output.find("SigCgt:\t0000000000000000"));
}
TEST_F(Exec, FileThatWasJustWrittenIsNotBusy) {
  for (int i = 0; i < 50; ++i) {
    std::filesystem::copy_file(Probe("static"), "copy",
                               std::filesystem::copy_options::overwrite_existing);
    ASSERT_EQ(3, Execute("./copy", {"p", "exit", "3"}).status) << "after " << i;
  }
}

// What is executed again and again is remembered.
class ExecOften : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("program", ReadFile(Probe("pie")), 0755);
    EXPECT_EQ(0, Often(0));
    EXPECT_EQ(0, As({}, [] { return Often(0); }));
  }

  // 0 if executing it ends with the error `expected` each time, else what it ended with.
  static int Often(int expected) {
    for (int i = 0; i < 8; ++i) {
      const Ran ran = Execute("./program", {"p", "exit", "42"});
      if (ran.error != expected) return ran.error != 0 ? ran.error : 197;
      if (expected == 0 && ran.status != 42) return 198;
    }
    return 0;
  }
};

TEST_F(ExecOften, UntilItMayNotBe) {
  ASSERT_SUCCESS(chmod("program", 0644));
  EXPECT_EQ(0, Often(EACCES));
  EXPECT_EQ(0, As({}, [] { return Often(EACCES); }));
  ASSERT_SUCCESS(chmod("program", 0744));
  EXPECT_EQ(0, Often(0));
  EXPECT_EQ(0, As({}, [] { return Often(EACCES); }));
}
TEST_F(ExecOften, UntilItMayBeExecutedButNotRead) {
  ASSERT_SUCCESS(chmod("program", 0711));
  EXPECT_EQ(0, Often(0));
  EXPECT_EQ(0, As({}, [] { return Often(0); }));
}
TEST_F(ExecOften, UntilAnAccessListKeepsSomebodyOut) {
  const std::string list = AccessList(1000, 4, 5, 7);
  if (setxattr("program", "system.posix_acl_access", list.data(), list.size(), 0) != 0) {
    GTEST_SKIP() << "the file system has no access lists";
  }
  EXPECT_EQ(0, As({}, [] { return Often(EACCES); }));
  EXPECT_EQ(0, As({1001, 1001, {}}, [] { return Often(0); }));
  EXPECT_EQ(0, Often(0));
}
TEST_F(ExecOften, UntilItIsGone) {
  ASSERT_SUCCESS(unlink("program"));
  EXPECT_EQ(0, Often(ENOENT));
  ASSERT_SUCCESS(mkdir("program", 0755));
  EXPECT_EQ(0, Often(EACCES));
  ASSERT_SUCCESS(rmdir("program"));
  ASSERT_SUCCESS(symlink("program", "program"));
  EXPECT_EQ(0, Often(ELOOP));
}
TEST_F(ExecOften, UntilItIsAnotherOne) {
  WriteFile("script", "#!/bin/sh\nexit 7\n", 0755);
  ASSERT_SUCCESS(rename("script", "program"));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(7, Execute("./program", {"p"}).status);
  WriteFile("script", "#!/bin/sh\nexit 8\n", 0755);
  ASSERT_SUCCESS(rename("script", "program"));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(8, Execute("./program", {"p"}).status);
}
TEST_F(ExecOften, UntilSomebodyHasItOpenForWriting) {
  Fd writer(open("program", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(0, Often(ETXTBSY));
  writer.Reset();
  EXPECT_EQ(0, Often(0));
}
TEST_F(ExecOften, AsTheInterpreterOfAScript) {
  WriteFile("script", "#!./program exit\n", 0755);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(0, Execute("./script", {"p"}).error);
  ASSERT_SUCCESS(chmod("program", 0644));
  for (int i = 0; i < 8; ++i) EXPECT_CHILD_ERRNO(EACCES, Execute("./script", {"p"}).error);
  ASSERT_SUCCESS(chmod("program", 0755));
  ASSERT_SUCCESS(chmod("script", 0644));
  for (int i = 0; i < 8; ++i) EXPECT_CHILD_ERRNO(EACCES, Execute("./script", {"p"}).error);
}

}  // namespace
}  // namespace moat::conformance
