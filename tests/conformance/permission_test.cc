// Who may do what: owners, groups, others, sticky bits, capabilities, umask, in forked children.
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

const Identity kOwner{1000, 1000, {}};
const Identity kGroup{1001, 2000, {}};
const Identity kSupplementary{1001, 1001, {5, 2000, 7}};
const Identity kOther{1002, 1002, {}};

class Permission : public Scratch {
 protected:
  void Make(const std::string& path, mode_t mode) {
    WriteFile(path, "content", mode);
    ASSERT_SUCCESS(chown(path.c_str(), 1000, 2000));
    ASSERT_SUCCESS(chmod(path.c_str(), mode));
  }
};

int OpenAs(const Identity& who, const std::string& path, int flags) {
  return As(who, [&] { return ErrnoOf(open(path.c_str(), flags, 0644)); });
}

TEST_F(Permission, OwnerBitsAreForTheOwner) {
  Make("file", 0400);
  EXPECT_CHILD_ERRNO(0, OpenAs(kOwner, "file", O_RDONLY));
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOwner, "file", O_WRONLY));
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOther, "file", O_RDONLY));
}
TEST_F(Permission, OwnerBitsComeFirstEvenWhenOthersMayMore) {
  Make("file", 0077);
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOwner, "file", O_RDONLY));
  EXPECT_CHILD_ERRNO(0, OpenAs(kOther, "file", O_RDWR));
}
TEST_F(Permission, GroupBitsAreForTheGroup) {
  Make("file", 0040);
  EXPECT_CHILD_ERRNO(0, OpenAs(kGroup, "file", O_RDONLY));
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kGroup, "file", O_WRONLY));
}
TEST_F(Permission, SupplementaryGroupsCount) {
  Make("file", 0060);
  EXPECT_CHILD_ERRNO(0, OpenAs(kSupplementary, "file", O_RDWR));
}
TEST_F(Permission, RootOverridesModes) {
  Make("file", 0);
  EXPECT_CHILD_ERRNO(0, OpenAs({0, 0, {}}, "file", O_RDWR));
}
TEST_F(Permission, SearchOfDirectoryNeedsExecute) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  WriteFile("dir/file");
  ASSERT_SUCCESS(chmod("dir", 0644));
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOther, "dir/file", O_RDONLY));
  EXPECT_CHILD_ERRNO(0, OpenAs(kOther, "dir", O_RDONLY));
  ASSERT_SUCCESS(chmod("dir", 0711));
  EXPECT_CHILD_ERRNO(0, OpenAs(kOther, "dir/file", O_RDONLY));
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOther, "dir", O_RDONLY));
}
TEST_F(Permission, BaseDescriptorCarriesNoRights) {
  ASSERT_SUCCESS(mkdir("dir", 0700));
  WriteFile("dir/file");
  Fd base(open("dir", O_RDONLY | O_DIRECTORY));
  EXPECT_CHILD_ERRNO(EACCES,
                     As(kOther, [&] { return ErrnoOf(openat(base.get(), "file", O_RDONLY)); }));
}
TEST_F(Permission, CreatingNeedsWriteToTheDirectory) {
  EXPECT_CHILD_ERRNO(EACCES, OpenAs(kOther, "new", O_CREAT | O_WRONLY));
  ASSERT_SUCCESS(chmod(".", 0777));
  EXPECT_CHILD_ERRNO(0, OpenAs(kOther, "new", O_CREAT | O_WRONLY));
  EXPECT_EQ(1002u, StatOf("new").st_uid);
  EXPECT_EQ(1002u, StatOf("new").st_gid);
}
TEST_F(Permission, StickyDirectoryProtectsOthersFiles) {
  ASSERT_SUCCESS(mkdir("tmp", 0777));
  ASSERT_SUCCESS(chmod("tmp", 01777));
  Make("tmp/file", 0666);
  EXPECT_CHILD_ERRNO(EPERM, As(kOther, [] { return ErrnoOf(unlink("tmp/file")); }));
  EXPECT_CHILD_ERRNO(EPERM, As(kOther, [] { return ErrnoOf(rename("tmp/file", "tmp/x")); }));
  EXPECT_CHILD_ERRNO(0, As(kOwner, [] { return ErrnoOf(unlink("tmp/file")); }));
}
TEST_F(Permission, OnlyOwnerMayChmod) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(EPERM, As(kOther, [] { return ErrnoOf(chmod("file", 0777)); }));
  EXPECT_CHILD_ERRNO(0, As(kOwner, [] { return ErrnoOf(chmod("file", 0600)); }));
}
TEST_F(Permission, ChmodDropsSetgidOutsideTheGroup) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(0, As(kOwner, [] { return ErrnoOf(chmod("file", 02755)); }));
  EXPECT_EQ(0755u, ModeOf("file"));
}
TEST_F(Permission, OnlyRootMayGiveFilesAway) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(EPERM, As(kOwner, [] { return ErrnoOf(chown("file", 1002, -1)); }));
}
TEST_F(Permission, OwnerMayChangeToAGroupOfHis) {
  Make("file", 0644);
  const Identity member{1000, 1000, {3000}};
  EXPECT_CHILD_ERRNO(0, As(member, [] { return ErrnoOf(chown("file", -1, 3000)); }));
  EXPECT_CHILD_ERRNO(EPERM, As(member, [] { return ErrnoOf(chown("file", -1, 4000)); }));
}
TEST_F(Permission, TimesNeedOwnerNowNeedsWrite) {
  Make("file", 0666);
  const struct timespec fixed[2] = {{1, 0}, {1, 0}};
  EXPECT_CHILD_ERRNO(EPERM,
                     As(kOther, [&] { return ErrnoOf(utimensat(AT_FDCWD, "file", fixed, 0)); }));
  EXPECT_CHILD_ERRNO(0,
                     As(kOther, [] { return ErrnoOf(utimensat(AT_FDCWD, "file", nullptr, 0)); }));
}
TEST_F(Permission, NoatimeNeedsOwner) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(EPERM, OpenAs(kOther, "file", O_RDONLY | O_NOATIME));
  EXPECT_CHILD_ERRNO(0, OpenAs(kOwner, "file", O_RDONLY | O_NOATIME));
}
TEST_F(Permission, TruncateNeedsWrite) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(EACCES, As(kOther, [] { return ErrnoOf(truncate("file", 0)); }));
}
TEST_F(Permission, ExecNeedsExecute) {
  WriteFile("program", ReadFile(Probe("static")), 0700);
  EXPECT_CHILD_ERRNO(EACCES, As(kOther, [] { return Execute("./program", {"p"}).error; }));
}
TEST_F(Permission, UserXattrNeedsWrite) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(EACCES,
                     As(kOther, [] { return ErrnoOf(setxattr("file", "user.x", "v", 1, 0)); }));
}
TEST_F(Permission, StatNeedsOnlySearch) {
  Make("file", 0);
  struct stat ignored;
  EXPECT_CHILD_ERRNO(0, As(kOther, [&] { return ErrnoOf(stat("file", &ignored)); }));
}
TEST_F(Permission, AccessTellsWhatOpenWouldDo) {
  Make("file", 0640);
  EXPECT_CHILD_ERRNO(0, As(kGroup, [] { return ErrnoOf(access("file", R_OK)); }));
  EXPECT_CHILD_ERRNO(EACCES, As(kGroup, [] { return ErrnoOf(access("file", W_OK)); }));
  EXPECT_CHILD_ERRNO(EACCES, As(kOther, [] { return ErrnoOf(access("file", R_OK)); }));
}
TEST_F(Permission, UmaskOfTheChildIsItsOwn) {
  ASSERT_SUCCESS(chmod(".", 0777));
  EXPECT_CHILD_ERRNO(0, As(kOther, [] {
                       umask(0123);
                       return ErrnoOf(open("new", O_CREAT | O_WRONLY, 0777));
                     }));
  EXPECT_EQ(0654u, ModeOf("new"));
}
TEST_F(Permission, ThreadsCredentialsAreFsuid) {
  Make("file", 0600);
  EXPECT_CHILD_ERRNO(EACCES, InChild([] {
                       setfsuid(1002);
                       return ErrnoOf(open("file", O_RDONLY));
                     }));
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       setfsuid(1000);
                       return ErrnoOf(open("file", O_RDONLY));
                     }));
}
TEST_F(Permission, ChangeOfIdsCountsAtOnce) {
  Make("file", 0600);
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       if (open("file", O_RDONLY) == -1) return 199;
                       if (setresuid(1002, 1002, 0) == -1) return 198;
                       if (open("file", O_RDONLY) != -1) return 197;
                       if (setresuid(0, 0, 0) == -1) return 196;
                       return ErrnoOf(open("file", O_RDONLY));
                     }));
}
TEST_F(Permission, ChangeOfGroupsCountsAtOnce) {
  Make("file", 0060);
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       const gid_t with[] = {2000};
                       if (setgroups(1, with) == -1 || setresgid(1, 1, 1) == -1) return 199;
                       if (setresuid(1002, 1002, 1002) == -1) return 198;
                       return ErrnoOf(open("file", O_RDWR));
                     }));
}
TEST_F(Permission, DroppedCapabilityCountsAtOnce) {
  Make("file", 0);
  EXPECT_CHILD_ERRNO(EACCES, InChild([] {
                       __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                       __user_cap_data_struct none[2] = {};
                       if (syscall(SYS_capset, &header, none) == -1) return 199;
                       return ErrnoOf(open("file", O_RDONLY));
                     }));
}
TEST_F(Permission, KeptCapabilityCountsForOtherIds) {
  Make("file", 0);
  EXPECT_CHILD_ERRNO(0, InChild([] {
                       prctl(PR_SET_KEEPCAPS, 1);
                       if (setresuid(1002, 1002, 1002) == -1) return 199;
                       __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                       __user_cap_data_struct sets[2] = {};
                       sets[0].effective = sets[0].permitted = 1u << CAP_DAC_OVERRIDE;
                       if (syscall(SYS_capset, &header, sets) == -1) return 198;
                       return ErrnoOf(open("file", O_RDWR));
                     }));
}
TEST_F(Permission, LinkNeedsAccessToTheFile) {
  // fs.protected_hardlinks refuses links to files of others that one may not write.
  Make("file", 0644);
  ASSERT_SUCCESS(chmod(".", 0777));
  EXPECT_CHILD_ERRNO(0, As(kOwner, [] { return ErrnoOf(link("file", "mine")); }));
}
TEST_F(Permission, ParentOfAnotherUserCannotBeSignalled) {
  EXPECT_CHILD_ERRNO(EPERM, As(kOther, [] { return ErrnoOf(kill(getppid(), SIGTERM)); }));
}

// However often a file has been opened, each open is judged anew.
class OftenOpened : public Permission {
 protected:
  static constexpr int kTimes = 6;
  static int OpenOften(const Identity& who, int expected) {
    return As(who, [expected] {
      for (int i = 0; i < kTimes; ++i) {
        const int error = ErrnoOf(open("file", O_RDONLY));
        if (error != expected) return error == 0 ? EBADE : error;
      }
      return expected;
    });
  }
  static int StatOften(const Identity& who) {
    return As(who, [] {
      struct stat attributes;
      for (int i = 0; i < kTimes; ++i) {
        if (stat("file", &attributes) != 0) return errno;
      }
      return 0;
    });
  }
};
TEST_F(OftenOpened, ByItsOwnerAndOthers) {
  Make("file", 0600);
  for (const Identity& who : {kOwner, kOther, kGroup}) EXPECT_CHILD_ERRNO(0, StatOften(who));
  EXPECT_CHILD_ERRNO(0, OpenOften(kOwner, 0));
  EXPECT_CHILD_ERRNO(EACCES, OpenOften(kOther, EACCES));
  EXPECT_CHILD_ERRNO(0, OpenOften({0, 0, {}}, 0));
}
TEST_F(OftenOpened, AfterTheOwnerHasChanged) {
  Make("file", 0600);
  EXPECT_CHILD_ERRNO(0, OpenOften(kOwner, 0));
  ASSERT_SUCCESS(chown("file", 1002, 2000));
  EXPECT_CHILD_ERRNO(EACCES, OpenOften(kOwner, EACCES));
  EXPECT_CHILD_ERRNO(0, OpenOften(kOther, 0));
}
TEST_F(OftenOpened, AfterTheModeHasChanged) {
  Make("file", 0644);
  EXPECT_CHILD_ERRNO(0, OpenOften(kOther, 0));
  ASSERT_SUCCESS(chmod("file", 0640));
  EXPECT_CHILD_ERRNO(EACCES, OpenOften(kOther, EACCES));
  EXPECT_CHILD_ERRNO(0, OpenOften(kGroup, 0));
  ASSERT_SUCCESS(chmod("file", 0044));
  EXPECT_CHILD_ERRNO(EACCES, OpenOften(kOwner, EACCES));
  EXPECT_CHILD_ERRNO(0, OpenOften(kOther, 0));
}
TEST_F(OftenOpened, AfterTheFolderWasClosed) {
  Make("file", 0644);
  ASSERT_SUCCESS(chmod(".", 0755));
  EXPECT_CHILD_ERRNO(0, OpenOften(kOther, 0));
  ASSERT_SUCCESS(chmod(".", 0700));
  EXPECT_CHILD_ERRNO(EACCES, OpenOften(kOther, EACCES));
}
TEST_F(OftenOpened, EachHasAnOffsetOfItsOwn) {
  Make("file", 0644);
  char byte = 0;
  for (int i = 0; i < kTimes; ++i) {
    Fd file(open("file", O_RDONLY));
    ASSERT_EQ(1, read(file.get(), &byte, 1));
    EXPECT_EQ('c', byte);
    EXPECT_EQ(O_RDONLY, fcntl(file.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
  }
}

}  // namespace
}  // namespace moat::conformance
