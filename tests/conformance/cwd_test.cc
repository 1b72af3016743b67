// The working directory and the root: chdir, fchdir, getcwd, chroot.
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class WorkingDirectory : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(mkdir("dir", 0755));
    WriteFile("dir/file", "content");
  }
};

std::string Cwd() {
  char path[PATH_MAX];
  return getcwd(path, sizeof path) == nullptr ? NameOfErrno(errno) : path;
}

TEST_F(WorkingDirectory, ChdirAndBack) {
  ASSERT_SUCCESS(chdir("dir"));
  EXPECT_EQ(dir() + "/dir", Cwd());
  EXPECT_EQ("content", ReadFile("file"));
  ASSERT_SUCCESS(chdir(".."));
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, ChdirThroughLinkTellsTheRealPath) {
  ASSERT_SUCCESS(symlink("dir", "link"));
  ASSERT_SUCCESS(chdir("link"));
  EXPECT_EQ(dir() + "/dir", Cwd());
}
TEST_F(WorkingDirectory, ChdirErrors) {
  EXPECT_ERRNO(ENOENT, chdir("missing"));
  EXPECT_ERRNO(ENOENT, chdir(""));
  EXPECT_ERRNO(ENOTDIR, chdir("dir/file"));
  EXPECT_ERRNO(EFAULT, syscall(SYS_chdir, 0));
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, ChdirNeedsSearchPermission) {
  ASSERT_SUCCESS(chmod("dir", 0600));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return ErrnoOf(chdir("dir")); }));
}
TEST_F(WorkingDirectory, FchdirByDirectoryAndPathDescriptor) {
  Fd directory(open("dir", O_RDONLY | O_DIRECTORY)), path(open(".", O_PATH));
  ASSERT_SUCCESS(fchdir(directory.get()));
  EXPECT_EQ(dir() + "/dir", Cwd());
  ASSERT_SUCCESS(fchdir(path.get()));
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, FchdirErrors) {
  Fd file(open("dir/file", O_RDONLY));
  EXPECT_ERRNO(ENOTDIR, fchdir(file.get()));
  EXPECT_ERRNO(EBADF, fchdir(999));
}
TEST_F(WorkingDirectory, GetcwdOfRoot) {
  ASSERT_SUCCESS(chdir("/"));
  EXPECT_EQ("/", Cwd());
}
TEST_F(WorkingDirectory, GetcwdOfRemovedIsEnoent) {
  ASSERT_SUCCESS(chdir("dir"));
  ASSERT_SUCCESS(unlink("file"));
  ASSERT_SUCCESS(rmdir("../dir"));
  EXPECT_EQ("ENOENT", Cwd());
  EXPECT_ERRNO(ENOENT, open("new", O_CREAT | O_WRONLY, 0644));
  EXPECT_SUCCESS(chdir(".."));
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, GetcwdFollowsRename) {
  ASSERT_SUCCESS(chdir("dir"));
  ASSERT_SUCCESS(rename("../dir", "../moved"));
  EXPECT_EQ(dir() + "/moved", Cwd());
}
TEST_F(WorkingDirectory, GetcwdWithoutRoomIsErange) {
  char small[2];
  EXPECT_ERRNO(ERANGE, syscall(SYS_getcwd, small, sizeof small));
}
TEST_F(WorkingDirectory, GetcwdReturnsLengthWithNul) {
  char path[PATH_MAX];
  EXPECT_EQ(static_cast<long>(dir().size() + 1), syscall(SYS_getcwd, path, sizeof path));
}
TEST_F(WorkingDirectory, GetcwdOfUnmappedBufferIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_getcwd, 0x7ffffffff000L, 4096));
}
TEST_F(WorkingDirectory, IsInheritedByChildren) {
  ASSERT_SUCCESS(chdir("dir"));
  EXPECT_EQ(0, InChild([] { return access("file", F_OK) == 0 ? 0 : errno; }));
  EXPECT_EQ(dir() + "/dir\n", ExecuteBy([] { execl("/bin/pwd", "pwd", "-P", nullptr); }).output);
}
TEST_F(WorkingDirectory, ChildsChangeIsItsOwn) {
  EXPECT_CHILD_ERRNO(0, InChild([] { return ErrnoOf(chdir("dir")); }));
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, ThreadsShareIt) {
  std::thread([] { EXPECT_SUCCESS(chdir("dir")); }).join();
  EXPECT_EQ(dir() + "/dir", Cwd());
}
TEST_F(WorkingDirectory, UnsharedThreadHasItsOwn) {
  std::thread([] {
    EXPECT_SUCCESS(unshare(CLONE_FS));
    EXPECT_SUCCESS(chdir("dir"));
    EXPECT_SUCCESS(access("file", F_OK));
  }).join();
  EXPECT_EQ(dir(), Cwd());
}
TEST_F(WorkingDirectory, ProcSelfCwdTellsIt) {
  ASSERT_SUCCESS(chdir("dir"));
  EXPECT_EQ(dir() + "/dir", std::filesystem::read_symlink("/proc/self/cwd").string());
  EXPECT_EQ("content", ReadFile("/proc/self/cwd/file"));
}
TEST_F(WorkingDirectory, ProcIsADirectoryToGoTo) {
  ASSERT_SUCCESS(chdir("/proc/self"));
  EXPECT_TRUE(Exists("status"));
  EXPECT_EQ("/proc/" + std::to_string(getpid()), Cwd());
}
TEST_F(WorkingDirectory, DeepFolders) {
  std::string expected = dir();
  const std::string name(100, 'd');
  for (int i = 0; i < 30; ++i) {
    ASSERT_SUCCESS(mkdir(name.c_str(), 0755));
    ASSERT_SUCCESS(chdir(name.c_str()));
    expected += "/" + name;
  }
  EXPECT_EQ(expected, Cwd());
}

TEST_F(WorkingDirectory, ChrootMovesTheRoot) {
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1) return errno;
              if (access("/file", F_OK) == -1) return 100;
              if (access("/../../file", F_OK) == -1) return 101;
              return access("/etc", F_OK) == -1 ? 0 : 102;
            }));
}
TEST_F(WorkingDirectory, ChrootLinksStayInside) {
  ASSERT_SUCCESS(symlink("/file", "dir/absolute"));
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1 || chdir("/") == -1) return errno;
              return access("absolute", R_OK) == 0 ? 0 : 100;
            }));
}
TEST_F(WorkingDirectory, ChrootSurvivesFork) {
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1) return errno;
              return InChild([] { return access("/file", F_OK) == 0 ? 0 : 100; });
            }));
}
TEST_F(WorkingDirectory, ChrootKeepsTheWorkingDirectory) {
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1) return errno;
              if (access("dir/file", F_OK) == -1) return 100;  // "." is still above the root
              char path[PATH_MAX];
              if (syscall(SYS_getcwd, path, sizeof(path)) < 0) return errno;
              if (std::string(path).rfind("(unreachable)/", 0) != 0) return 101;
              if (chdir("/") == -1) return errno;
              if (Cwd() != "/") return 102;
              return access("file", F_OK) == 0 ? 0 : 103;
            }));
}
TEST_F(WorkingDirectory, ChrootWithinAChroot) {
  ASSERT_SUCCESS(mkdir("dir/inner", 0755));
  WriteFile("dir/inner/deep", "x");
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1 || chroot("/inner") == -1) return errno;
              if (access("/deep", F_OK) == -1) return 100;
              if (access("/../file", F_OK) == 0) return 101;
              return chdir("/") == 0 && Cwd() == "/" ? 0 : 102;
            }));
}
TEST_F(WorkingDirectory, ChrootTwiceToOnePlace) {
  EXPECT_EQ(0, InChild([] {
              for (int i = 0; i < 3; ++i) {
                if (chroot("dir") == -1) return errno;
                if (access("/file", F_OK) == -1) return 100 + i;
              }
              return chroot("/") == 0 && access("/file", F_OK) == 0 ? 0 : 110;
            }));
}
TEST_F(WorkingDirectory, ChrootIsLeftByADescriptorFromBefore) {
  EXPECT_EQ(0, InChild([] {
              Fd top(open("/", O_RDONLY | O_DIRECTORY));
              if (chroot("dir") == -1) return errno;
              if (access("/etc", F_OK) == 0) return 100;
              if (openat(top.get(), "etc/passwd", O_RDONLY) < 0) return 101;
              if (fchdir(top.get()) == -1 || chroot(".") == -1) return errno;
              return access("/etc/passwd", F_OK) == 0 && Cwd() == "/" ? 0 : 102;
            }));
}
TEST_F(WorkingDirectory, ChrootToTheRootChangesNothing) {
  EXPECT_EQ(
      0, InChild([] {
        if (chroot("/") == -1) return errno;
        return access("/etc/passwd", F_OK) == 0 && access("/proc/self/status", F_OK) == 0 ? 0 : 100;
      }));
}
TEST_F(WorkingDirectory, ChrootHoldsForEveryCall) {
  EXPECT_EQ(0, InChild([] {
              if (chroot("dir") == -1 || chdir("/") == -1) return errno;
              if (mkdir("/made", 0755) == -1 || symlink("/made", "/link") == -1) return errno;
              WriteFile("/link/new", "text");
              if (rename("/made/new", "/moved") == -1) return errno;
              if (link("/moved", "/link/second") == -1) return errno;
              if (ReadFile("../../made/second") != "text") return 100;
              char text[64];
              if (readlink("/link", text, sizeof(text)) != 5) return 101;
              if (truncate("/moved", 1) == -1 || StatOf("/made/second").st_size != 1) return 102;
              Fd directory(open("/link", O_RDONLY | O_DIRECTORY));
              if (openat(directory.get(), "../../../moved", O_RDONLY) < 0) return 103;
              if (openat(directory.get(), "/moved", O_RDONLY) < 0) return 104;
              return access("/proc/self", F_OK) == -1 ? 0 : 105;
            }));
  EXPECT_EQ("t", ReadFile("dir/moved"));
}
TEST_F(WorkingDirectory, ChrootToManyPlaces) {
  EXPECT_EQ(0, InChild([] {
              for (int i = 0; i < 1100; ++i) {
                const std::string name = "place" + std::to_string(i);
                if (mkdir(name.c_str(), 0755) == -1) return errno;
                WriteFile(name + "/own", name);
                const int seen = InChild([&] {
                  if (chroot(name.c_str()) == -1) return errno;
                  return ReadFile("/own") == name ? 0 : 100;
                });
                if (seen != 0) return seen;
              }
              return 0;
            }));
}
TEST_F(WorkingDirectory, ChrootIsSharedByThreads) {
  EXPECT_EQ(0, InChild([] {
              int result = -1;
              std::thread([] { EXPECT_SUCCESS(chroot("dir")); }).join();
              std::thread([&] { result = access("/file", F_OK); }).join();
              return result == 0 ? 0 : 100;
            }));
}
TEST_F(WorkingDirectory, ChrootOfAnUnsharedThreadIsItsOwn) {
  EXPECT_EQ(0, InChild([] {
              int result = -1;
              std::thread([&] {
                if (unshare(CLONE_FS) == 0 && chroot("dir") == 0) result = access("/file", F_OK);
              }).join();
              if (result != 0) return 100;
              return access("/etc/passwd", F_OK) == 0 ? 0 : 101;
            }));
}
TEST_F(WorkingDirectory, ChrootIsSeenThroughProc) {
  int ready[2], go[2];
  ASSERT_SUCCESS(pipe(ready));
  ASSERT_SUCCESS(pipe(go));
  const pid_t child = fork();
  if (child == 0) {
    char byte = chroot("dir") == 0 ? 'y' : 'n';
    close(go[1]);
    [[maybe_unused]] ssize_t size = write(ready[1], &byte, 1);
    size = read(go[0], &byte, 1);
    _exit(0);
  }
  char byte = 'n';
  EXPECT_EQ(1, read(ready[0], &byte, 1));
  EXPECT_EQ('y', byte);
  const std::string root = "/proc/" + std::to_string(child) + "/root";
  EXPECT_EQ(dir() + "/dir", std::filesystem::read_symlink(root).string());
  EXPECT_EQ("content", ReadFile(root + "/file"));
  EXPECT_FALSE(Exists(root + "/etc"));
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
  waitpid(child, nullptr, 0);
}
TEST_F(WorkingDirectory, ChrootProgramsFindTheirLoaderInside) {
  ASSERT_SUCCESS(mkdir("dir/bin", 0755));
  ASSERT_SUCCESS(mkdir("dir/lib64", 0755));
  // A program whose loader is missing there, and one that needs none.
  std::filesystem::copy("/bin/true", "dir/bin/dynamic");
  std::filesystem::copy(Probe("static"), "dir/bin/static");
  EXPECT_EQ("[p][inside]\n", ExecuteBy([] {
                               if (chroot("dir") == -1 || chdir("/") == -1) return;
                               execl("/bin/static", "p", "inside", nullptr);
                             }).output);
  EXPECT_EQ(ENOENT, ExecuteBy([] {
                      if (chroot("dir") == -1) return;
                      execl("/bin/dynamic", "p", nullptr);
                    }).error);
}
TEST_F(WorkingDirectory, ChrootIsDeniedWithoutSearchPermission) {
  ASSERT_SUCCESS(mkdir("closed", 0700));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return ErrnoOf(chroot("closed")); }));
}
TEST_F(WorkingDirectory, ChrootIntoProc) {
  EXPECT_EQ(0, InChild([] {
              if (chroot("/proc") == -1) return errno;
              return access("/self/status", F_OK) == 0 ? 0 : 100;
            }));
}
TEST_F(WorkingDirectory, ChrootNeedsCapability) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(chroot("/")); }));
}
TEST_F(WorkingDirectory, ChrootErrors) {
  EXPECT_ERRNO(ENOENT, chroot("missing"));
  EXPECT_ERRNO(ENOTDIR, chroot("dir/file"));
}

}  // namespace
}  // namespace moat::conformance
