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
TEST_F(WorkingDirectory, ChrootNeedsCapability) {
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return ErrnoOf(chroot("/")); }));
}
TEST_F(WorkingDirectory, ChrootErrors) {
  EXPECT_ERRNO(ENOENT, chroot("missing"));
  EXPECT_ERRNO(ENOTDIR, chroot("dir/file"));
}

}  // namespace
}  // namespace moat::conformance
