// What is said and set about files: stat, statx, chmod, chown, times, truncate, statfs, access,
// xattr.
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Attributes : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", "content");
    ASSERT_SUCCESS(symlink("file", "link"));
  }
};

TEST_F(Attributes, StatFollowsLstatDoesNot) {
  struct stat followed {
  }, itself{};
  ASSERT_SUCCESS(stat("link", &followed));
  ASSERT_SUCCESS(lstat("link", &itself));
  EXPECT_TRUE(S_ISREG(followed.st_mode));
  EXPECT_TRUE(S_ISLNK(itself.st_mode));
  EXPECT_EQ(4, itself.st_size);
}
TEST_F(Attributes, StatAndFstatAgree) {
  Fd fd(open("file", O_RDONLY));
  struct stat by_path {
  }, by_fd{};
  ASSERT_SUCCESS(stat("file", &by_path));
  ASSERT_SUCCESS(fstat(fd.get(), &by_fd));
  EXPECT_EQ(by_path.st_ino, by_fd.st_ino);
  EXPECT_EQ(by_path.st_dev, by_fd.st_dev);
  EXPECT_EQ(by_path.st_mode, by_fd.st_mode);
  EXPECT_EQ(7, by_fd.st_size);
}
TEST_F(Attributes, StatWithUnmappedBufferIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_newfstatat, AT_FDCWD, "file", 0x7ffffffff000L, 0));
}
TEST_F(Attributes, StatWithUnknownFlagIsEinval) {
  struct stat ignored;
  EXPECT_ERRNO(EINVAL, syscall(SYS_newfstatat, AT_FDCWD, "file", &ignored, 0x40000));
}
TEST_F(Attributes, StatxTellsWhatStatTells) {
  struct statx more {};
  ASSERT_SUCCESS(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &more));
  const struct stat less = StatOf("file");
  EXPECT_EQ(less.st_ino, more.stx_ino);
  EXPECT_EQ(less.st_mode, more.stx_mode);
  EXPECT_EQ(less.st_size, static_cast<off_t>(more.stx_size));
  EXPECT_TRUE(more.stx_mask & STATX_BASIC_STATS);
}
TEST_F(Attributes, StatxWithReservedMaskIsEinval) {
  struct statx ignored;
  EXPECT_ERRNO(EINVAL, statx(AT_FDCWD, "file", 0, STATX__RESERVED, &ignored));
}
TEST_F(Attributes, StatxOfDescriptorByNullPath) {
  Fd fd(open("file", O_RDONLY));
  struct statx attributes {};
  EXPECT_SUCCESS(statx(fd.get(), "", AT_EMPTY_PATH, STATX_SIZE, &attributes));
  EXPECT_EQ(7u, attributes.stx_size);
}

TEST_F(Attributes, ChmodChangesTarget) {
  ASSERT_SUCCESS(chmod("link", 0751));
  EXPECT_EQ(0751u, ModeOf("file"));
}
TEST_F(Attributes, ChmodOfLinkItselfIsEopnotsupp) {
  EXPECT_ERRNO(EOPNOTSUPP, fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
}
TEST_F(Attributes, FchmodOnDescriptor) {
  Fd fd(open("file", O_RDONLY));
  ASSERT_SUCCESS(fchmod(fd.get(), 0604));
  EXPECT_EQ(0604u, ModeOf("file"));
}
TEST_F(Attributes, FchmodOnPathDescriptorIsEbadf) {
  Fd fd(open("file", O_PATH));
  EXPECT_ERRNO(EBADF, fchmod(fd.get(), 0604));
}
TEST_F(Attributes, ChownChangesBothIds) {
  ASSERT_SUCCESS(chown("file", 1000, 1001));
  EXPECT_EQ(1000u, StatOf("file").st_uid);
  EXPECT_EQ(1001u, StatOf("file").st_gid);
}
TEST_F(Attributes, ChownWithMinusOneKeeps) {
  ASSERT_SUCCESS(chown("file", 1000, 1001));
  ASSERT_SUCCESS(chown("file", static_cast<uid_t>(-1), 7));
  EXPECT_EQ(1000u, StatOf("file").st_uid);
  EXPECT_EQ(7u, StatOf("file").st_gid);
}
TEST_F(Attributes, LchownChangesTheLink) {
  ASSERT_SUCCESS(lchown("link", 42, 43));
  EXPECT_EQ(42u, StatOf("link").st_uid);
  EXPECT_EQ(0u, StatOf("file").st_uid);
}
TEST_F(Attributes, ChownByEmptyPath) {
  Fd fd(open("file", O_PATH));
  EXPECT_SUCCESS(fchownat(fd.get(), "", 5, 6, AT_EMPTY_PATH));
  EXPECT_EQ(5u, StatOf("file").st_uid);
}
TEST_F(Attributes, ChownClearsSetuid) {
  ASSERT_SUCCESS(chmod("file", 06755));
  ASSERT_SUCCESS(chown("file", 1000, 1000));
  EXPECT_EQ(0755u, ModeOf("file"));
}

TEST_F(Attributes, TimesAreSetToTheNanosecond) {
  const struct timespec times[2] = {{1000000001, 123456789}, {1000000002, 987654321}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "file", times, 0));
  EXPECT_EQ(1000000001, StatOf("file").st_atim.tv_sec);
  EXPECT_EQ(123456789, StatOf("file").st_atim.tv_nsec);
  EXPECT_EQ(987654321, StatOf("file").st_mtim.tv_nsec);
}
TEST_F(Attributes, TimeOmitKeepsAndNowSets) {
  const struct timespec first[2] = {{1000, 0}, {2000, 0}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "file", first, 0));
  const struct timespec second[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "file", second, 0));
  EXPECT_EQ(1000, StatOf("file").st_atim.tv_sec);
  EXPECT_GT(StatOf("file").st_mtim.tv_sec, 1000000000);
}
TEST_F(Attributes, TimesOfLinkItself) {
  const struct timespec times[2] = {{11, 0}, {12, 0}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
  EXPECT_EQ(12, StatOf("link").st_mtim.tv_sec);
  EXPECT_NE(12, StatOf("file").st_mtim.tv_sec);
}
TEST_F(Attributes, TimesOfDescriptor) {
  Fd fd(open("file", O_WRONLY));
  const struct timespec times[2] = {{21, 0}, {22, 0}};
  ASSERT_SUCCESS(futimens(fd.get(), times));
  EXPECT_EQ(22, StatOf("file").st_mtim.tv_sec);
}
TEST_F(Attributes, TimesByOldCalls) {
  const struct utimbuf seconds = {31, 32};
  ASSERT_SUCCESS(utime("file", &seconds));
  EXPECT_EQ(32, StatOf("file").st_mtim.tv_sec);
  const struct timeval micro[2] = {{41, 5}, {42, 6}};
  ASSERT_SUCCESS(utimes("file", micro));
  EXPECT_EQ(6000, StatOf("file").st_mtim.tv_nsec);
}
TEST_F(Attributes, TimesWithBadNanosecondsIsEinval) {
  const struct timespec times[2] = {{1, 1000000000}, {1, 0}};
  EXPECT_ERRNO(EINVAL, utimensat(AT_FDCWD, "file", times, 0));
}

TEST_F(Attributes, TruncateShortensAndExtends) {
  ASSERT_SUCCESS(truncate("file", 3));
  EXPECT_EQ("con", ReadFile("file"));
  ASSERT_SUCCESS(truncate("link", 5));
  EXPECT_EQ(std::string("con\0\0", 5), ReadFile("file"));
}
TEST_F(Attributes, TruncateErrors) {
  EXPECT_ERRNO(EINVAL, truncate("file", -1));
  EXPECT_ERRNO(ENOENT, truncate("missing", 0));
  EXPECT_ERRNO(EISDIR, truncate(".", 0));
}
TEST_F(Attributes, FtruncateOfReadOnlyDescriptorIsEinval) {
  Fd fd(open("file", O_RDONLY));
  EXPECT_ERRNO(EINVAL, ftruncate(fd.get(), 1));
}

TEST_F(Attributes, StatfsOfPathAndDescriptorAgree) {
  struct statfs by_path {
  }, by_fd{};
  ASSERT_SUCCESS(statfs("file", &by_path));
  Fd fd(open("file", O_RDONLY));
  ASSERT_SUCCESS(fstatfs(fd.get(), &by_fd));
  EXPECT_EQ(by_path.f_type, by_fd.f_type);
  EXPECT_EQ(255, by_path.f_namelen);
}
TEST_F(Attributes, StatfsOfProcSaysProc) {
  struct statfs about {};
  ASSERT_SUCCESS(statfs("/proc", &about));
  EXPECT_EQ(PROC_SUPER_MAGIC, about.f_type);
  ASSERT_SUCCESS(statfs("/proc/self/status", &about));
  EXPECT_EQ(PROC_SUPER_MAGIC, about.f_type);
}
TEST_F(Attributes, StatvfsTellsReadOnly) {
  struct statvfs about {};
  ASSERT_SUCCESS(statvfs(GetOptions().read_only.c_str(), &about));
  EXPECT_TRUE(about.f_flag & ST_RDONLY);
}

TEST_F(Attributes, AccessOfRoot) {
  ASSERT_SUCCESS(chmod("file", 0));
  EXPECT_SUCCESS(access("file", R_OK | W_OK));
  EXPECT_ERRNO(EACCES, access("file", X_OK));
  EXPECT_ERRNO(ENOENT, access("missing", F_OK));
}
TEST_F(Attributes, AccessOnReadOnlyMountIsErofs) {
  EXPECT_ERRNO(EROFS, access((GetOptions().read_only + "/file").c_str(), W_OK));
}
TEST_F(Attributes, AccessUsesRealIds) {
  ASSERT_SUCCESS(chmod("file", 0600));
  EXPECT_CHILD_ERRNO(EACCES, InChild([] {
                       if (setresuid(1000, 0, 0) == -1) return 199;
                       return ErrnoOf(access("file", R_OK));
                     }));
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       if (setresuid(1000, 0, 0) == -1) return 199;
                       return ErrnoOf(faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS));
                     }));
}
TEST_F(Attributes, AccessWithBadModeIsEinval) {
  EXPECT_ERRNO(EINVAL, syscall(SYS_faccessat, AT_FDCWD, "file", 8));
}

TEST_F(Attributes, XattrRoundTrip) {
  ASSERT_SUCCESS(setxattr("file", "user.name", "value", 5, 0));
  char value[16];
  EXPECT_EQ(5, getxattr("link", "user.name", value, sizeof value));
  EXPECT_EQ("value", std::string(value, 5));
  char names[64];
  const ssize_t n = listxattr("file", names, sizeof names);
  EXPECT_NE(std::string::npos, std::string(names, n > 0 ? n : 0).find("user.name"));
  EXPECT_SUCCESS(removexattr("file", "user.name"));
  EXPECT_ERRNO(ENODATA, getxattr("file", "user.name", value, sizeof value));
}
TEST_F(Attributes, XattrSizesAndFlags) {
  ASSERT_SUCCESS(setxattr("file", "user.name", "value", 5, XATTR_CREATE));
  EXPECT_ERRNO(EEXIST, setxattr("file", "user.name", "x", 1, XATTR_CREATE));
  EXPECT_ERRNO(ENODATA, setxattr("file", "user.other", "x", 1, XATTR_REPLACE));
  EXPECT_EQ(5, getxattr("file", "user.name", nullptr, 0));
  char small[2];
  EXPECT_ERRNO(ERANGE, getxattr("file", "user.name", small, sizeof small));
}
TEST_F(Attributes, XattrOnDescriptor) {
  Fd fd(open("file", O_RDWR));
  ASSERT_SUCCESS(fsetxattr(fd.get(), "user.name", "v", 1, 0));
  char value[4];
  EXPECT_EQ(1, fgetxattr(fd.get(), "user.name", value, sizeof value));
}
TEST_F(Attributes, XattrOfUnknownNamespaceIsEopnotsupp) {
  EXPECT_ERRNO(EOPNOTSUPP, setxattr("file", "nonsense.name", "v", 1, 0));
}
TEST_F(Attributes, UserXattrOnLinkItselfIsEperm) {
  EXPECT_ERRNO(EPERM, lsetxattr("link", "user.name", "v", 1, 0));
}

}  // namespace
}  // namespace moat::conformance
