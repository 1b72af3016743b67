// openat2(2): struct checks and the resolve flags.
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class OpenAt2 : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(mkdir("root", 0755));
    ASSERT_SUCCESS(mkdir("root/sub", 0755));
    WriteFile("root/file", "inside");
    WriteFile("outside", "outside");
    ASSERT_SUCCESS(symlink("/file", "root/absolute"));
    ASSERT_SUCCESS(symlink("../outside", "root/climbing"));
    ASSERT_SUCCESS(symlink("file", "root/plain"));
    base_ = Fd(open("root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  int Try(const char* path, uint64_t resolve, uint64_t flags = O_RDONLY, uint64_t mode = 0) {
    struct open_how how {};
    how.flags = flags;
    how.mode = mode;
    how.resolve = resolve;
    opened_ = Fd(static_cast<int>(syscall(SYS_openat2, base_.get(), path, &how, sizeof how)));
    return opened_.valid() ? 0 : errno;
  }
  Fd base_, opened_;
};

TEST_F(OpenAt2, OpensLikeOpenat) {
  EXPECT_CHILD_ERRNO(0, Try("file", 0));
  EXPECT_EQ("inside", ReadAll(opened_.get()));
}
TEST_F(OpenAt2, CreatesWithMode) {
  umask(0);
  EXPECT_CHILD_ERRNO(0, Try("new", 0, O_CREAT | O_WRONLY, 0651));
  EXPECT_EQ(0651u, ModeOf("root/new"));
}
TEST_F(OpenAt2, UnknownFlagIsEinval) { EXPECT_CHILD_ERRNO(EINVAL, Try("file", 0, 1ull << 40)); }
TEST_F(OpenAt2, UnknownResolveIsEinval) { EXPECT_CHILD_ERRNO(EINVAL, Try("file", 1ull << 30)); }
TEST_F(OpenAt2, ModeWithoutCreateIsEinval) {
  EXPECT_CHILD_ERRNO(EINVAL, Try("file", 0, O_RDONLY, 0644));
}
TEST_F(OpenAt2, ModeWithOddBitsIsEinval) {
  EXPECT_CHILD_ERRNO(EINVAL, Try("new", 0, O_CREAT | O_WRONLY, 0200000));
}
TEST_F(OpenAt2, BeneathAndInRootTogetherAreEinval) {
  EXPECT_CHILD_ERRNO(EINVAL, Try("file", RESOLVE_BENEATH | RESOLVE_IN_ROOT));
}
TEST_F(OpenAt2, ShortStructIsEinval) {
  struct open_how how {};
  EXPECT_ERRNO(EINVAL, syscall(SYS_openat2, base_.get(), "file", &how, 16));
}
TEST_F(OpenAt2, LongerStructOfZerosWorks) {
  char how[64] = {};
  Fd fd(static_cast<int>(syscall(SYS_openat2, base_.get(), "file", how, sizeof how)));
  EXPECT_TRUE(fd.valid());
}
TEST_F(OpenAt2, LongerStructWithContentIsE2big) {
  char how[64] = {};
  how[40] = 1;
  EXPECT_ERRNO(E2BIG, syscall(SYS_openat2, base_.get(), "file", how, sizeof how));
}
TEST_F(OpenAt2, StructBeyondAPageIsE2big) {
  struct open_how how {};
  EXPECT_ERRNO(E2BIG, syscall(SYS_openat2, base_.get(), "file", &how, 1 << 20));
}
TEST_F(OpenAt2, UnmappedStructIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_openat2, base_.get(), "file", 0x7ffffffff000L, 24));
}

TEST_F(OpenAt2, NoSymlinksRefusesAnyLink) {
  EXPECT_CHILD_ERRNO(ELOOP, Try("plain", RESOLVE_NO_SYMLINKS));
  ASSERT_SUCCESS(symlink("sub", "root/link"));
  EXPECT_CHILD_ERRNO(ELOOP, Try("link/.", RESOLVE_NO_SYMLINKS));
  EXPECT_CHILD_ERRNO(0, Try("file", RESOLVE_NO_SYMLINKS));
}
TEST_F(OpenAt2, NoSymlinksAllowsTheLinkItself) {
  EXPECT_CHILD_ERRNO(0, Try("plain", RESOLVE_NO_SYMLINKS, O_PATH | O_NOFOLLOW));
}
TEST_F(OpenAt2, NoMagicLinksAllowsOrdinaryOnes) {
  EXPECT_CHILD_ERRNO(0, Try("plain", RESOLVE_NO_MAGICLINKS));
}
TEST_F(OpenAt2, NoMagicLinksRefusesProcFd) {
  EXPECT_CHILD_ERRNO(ELOOP, Try("/proc/self/exe", RESOLVE_NO_MAGICLINKS));
  EXPECT_CHILD_ERRNO(ELOOP, Try("/proc/self/cwd/root", RESOLVE_NO_MAGICLINKS));
}
TEST_F(OpenAt2, BeneathRefusesEveryWayOut) {
  EXPECT_CHILD_ERRNO(EXDEV, Try("../outside", RESOLVE_BENEATH));
  EXPECT_CHILD_ERRNO(EXDEV, Try("climbing", RESOLVE_BENEATH));
  EXPECT_CHILD_ERRNO(EXDEV, Try("absolute", RESOLVE_BENEATH));
  EXPECT_CHILD_ERRNO(EXDEV, Try("/file", RESOLVE_BENEATH));
  EXPECT_CHILD_ERRNO(EXDEV, Try("sub/../..", RESOLVE_BENEATH));
}
TEST_F(OpenAt2, BeneathAllowsDotDotThatStaysInside) {
  EXPECT_CHILD_ERRNO(0, Try("sub/../file", RESOLVE_BENEATH));
  EXPECT_EQ("inside", ReadAll(opened_.get()));
}
TEST_F(OpenAt2, InRootMakesTheBaseTheRoot) {
  EXPECT_CHILD_ERRNO(0, Try("absolute", RESOLVE_IN_ROOT));
  EXPECT_EQ("inside", ReadAll(opened_.get()));
  EXPECT_CHILD_ERRNO(0, Try("/../../file", RESOLVE_IN_ROOT));
  EXPECT_EQ("inside", ReadAll(opened_.get()));
  EXPECT_CHILD_ERRNO(ENOENT, Try("climbing", RESOLVE_IN_ROOT));
}
TEST_F(OpenAt2, NoCrossDeviceStopsAtMounts) {
  EXPECT_CHILD_ERRNO(EXDEV, Try("/dev/null", RESOLVE_NO_XDEV));
  EXPECT_CHILD_ERRNO(0, Try("sub/../file", RESOLVE_NO_XDEV));
}

}  // namespace
}  // namespace moat::conformance
