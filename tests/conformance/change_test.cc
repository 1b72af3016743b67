// Calls that change the tree: mkdir, rmdir, link, symlink, rename, unlink, mknod.
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Change : public Scratch {};

TEST_F(Change, MkdirAppliesUmask) {
  umask(077);
  ASSERT_SUCCESS(mkdir("dir", 0777));
  EXPECT_EQ(0700u, ModeOf("dir"));
}
TEST_F(Change, MkdirOfExistingIsEexist) {
  WriteFile("file");
  EXPECT_ERRNO(EEXIST, mkdir("file", 0755));
  EXPECT_ERRNO(EEXIST, mkdir("/", 0755));
}
TEST_F(Change, MkdirThroughDanglingLinkIsEexist) {
  ASSERT_SUCCESS(symlink("target", "link"));
  EXPECT_ERRNO(EEXIST, mkdir("link", 0755));
}
TEST_F(Change, MkdirInSetgidDirectoryInheritsGroup) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  ASSERT_SUCCESS(chown("dir", 0, 1234));
  ASSERT_SUCCESS(chmod("dir", 02755));
  ASSERT_SUCCESS(mkdir("dir/sub", 0755));
  WriteFile("dir/file");
  EXPECT_EQ(1234u, StatOf("dir/sub").st_gid);
  EXPECT_EQ(02755u, ModeOf("dir/sub"));
  EXPECT_EQ(1234u, StatOf("dir/file").st_gid);
}
TEST_F(Change, RmdirOfFullIsEnotempty) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  WriteFile("dir/file");
  EXPECT_ERRNO(ENOTEMPTY, rmdir("dir"));
}
TEST_F(Change, RmdirOfFileIsEnotdir) {
  WriteFile("file");
  EXPECT_ERRNO(ENOTDIR, rmdir("file"));
}
TEST_F(Change, RmdirOfLinkIsEnotdir) {
  ASSERT_SUCCESS(symlink(".", "link"));
  EXPECT_ERRNO(ENOTDIR, rmdir("link"));
}
TEST_F(Change, UnlinkOfDirectoryIsEisdir) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EISDIR, unlink("dir"));
  EXPECT_SUCCESS(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
}
TEST_F(Change, UnlinkRemovesLinkNotTarget) {
  WriteFile("file", "kept");
  ASSERT_SUCCESS(symlink("file", "link"));
  ASSERT_SUCCESS(unlink("link"));
  EXPECT_EQ("kept", ReadFile("file"));
}
TEST_F(Change, UnlinkedFileLivesOnThroughDescriptor) {
  WriteFile("file", "alive");
  Fd fd(open("file", O_RDONLY));
  ASSERT_SUCCESS(unlink("file"));
  EXPECT_FALSE(Exists("file"));
  EXPECT_EQ("alive", ReadAll(fd.get()));
}
TEST_F(Change, UnlinkWithUnknownFlagIsEinval) {
  WriteFile("file");
  EXPECT_ERRNO(EINVAL, unlinkat(AT_FDCWD, "file", 0x10));
}
TEST_F(Change, UnlinkRelativeToDescriptor) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  WriteFile("dir/file");
  Fd base(open("dir", O_RDONLY | O_DIRECTORY));
  EXPECT_SUCCESS(unlinkat(base.get(), "file", 0));
  EXPECT_FALSE(Exists("dir/file"));
}

TEST_F(Change, LinkSharesTheFile) {
  WriteFile("file", "shared");
  ASSERT_SUCCESS(link("file", "other"));
  EXPECT_EQ(2u, StatOf("file").st_nlink);
  EXPECT_EQ(StatOf("file").st_ino, StatOf("other").st_ino);
}
TEST_F(Change, LinkOverExistingIsEexist) {
  WriteFile("file");
  WriteFile("other");
  EXPECT_ERRNO(EEXIST, link("file", "other"));
}
TEST_F(Change, LinkOfDirectoryIsEperm) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EPERM, link("dir", "other"));
}
TEST_F(Change, LinkDoesNotFollowUnlessAsked) {
  WriteFile("file");
  ASSERT_SUCCESS(symlink("file", "link"));
  ASSERT_SUCCESS(linkat(AT_FDCWD, "link", AT_FDCWD, "same", 0));
  EXPECT_TRUE(S_ISLNK(StatOf("same").st_mode));
  ASSERT_SUCCESS(linkat(AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
  EXPECT_TRUE(S_ISREG(StatOf("followed").st_mode));
}
TEST_F(Change, LinkAcrossMountsIsExdev) {
  EXPECT_ERRNO(EXDEV, link((GetOptions().read_only + "/file").c_str(), "copy"));
}
TEST_F(Change, LinkOfDescriptorByEmptyPath) {
  WriteFile("file", "by descriptor");
  Fd fd(open("file", O_RDONLY));
  EXPECT_SUCCESS(linkat(fd.get(), "", AT_FDCWD, "named", AT_EMPTY_PATH));
  EXPECT_EQ("by descriptor", ReadFile("named"));
}

TEST_F(Change, SymlinkKeepsAnyText) {
  ASSERT_SUCCESS(symlink("any//text/../at all", "link"));
  EXPECT_EQ("any//text/../at all", std::filesystem::read_symlink("link").string());
}
TEST_F(Change, SymlinkWithEmptyTargetIsEnoent) { EXPECT_ERRNO(ENOENT, symlink("", "link")); }
TEST_F(Change, SymlinkOverExistingIsEexist) {
  WriteFile("file");
  EXPECT_ERRNO(EEXIST, symlink("x", "file"));
}
TEST_F(Change, SymlinkTargetOf4096BytesIsEnametoolong) {
  EXPECT_ERRNO(ENAMETOOLONG, symlink(std::string(4096, 'x').c_str(), "link"));
}
TEST_F(Change, ReadlinkTruncatesSilently) {
  ASSERT_SUCCESS(symlink("0123456789", "link"));
  char target[4];
  EXPECT_EQ(4, readlink("link", target, sizeof target));
  EXPECT_EQ("0123", std::string(target, 4));
}
TEST_F(Change, ReadlinkOfFileIsEinval) {
  WriteFile("file");
  char target[4];
  EXPECT_ERRNO(EINVAL, readlink("file", target, sizeof target));
}
TEST_F(Change, ReadlinkWithoutRoomIsEinval) {
  ASSERT_SUCCESS(symlink("x", "link"));
  char target[1];
  EXPECT_ERRNO(EINVAL, readlink("link", target, 0));
}

TEST_F(Change, RenameReplacesFile) {
  WriteFile("from", "new");
  WriteFile("to", "old");
  ASSERT_SUCCESS(rename("from", "to"));
  EXPECT_EQ("new", ReadFile("to"));
  EXPECT_FALSE(Exists("from"));
}
TEST_F(Change, RenameOfLinkMovesTheLink) {
  WriteFile("file");
  ASSERT_SUCCESS(symlink("file", "link"));
  ASSERT_SUCCESS(rename("link", "moved"));
  EXPECT_TRUE(S_ISLNK(StatOf("moved").st_mode));
}
TEST_F(Change, RenameFileOverDirectoryIsEisdir) {
  WriteFile("file");
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EISDIR, rename("file", "dir"));
}
TEST_F(Change, RenameDirectoryOverFileIsEnotdir) {
  WriteFile("file");
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(ENOTDIR, rename("dir", "file"));
}
TEST_F(Change, RenameDirectoryOverFullOneIsEnotempty) {
  ASSERT_SUCCESS(mkdir("a", 0755));
  ASSERT_SUCCESS(mkdir("b", 0755));
  WriteFile("b/file");
  EXPECT_ERRNO(ENOTEMPTY, rename("a", "b"));
}
TEST_F(Change, RenameIntoItselfIsEinval) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EINVAL, rename("dir", "dir/sub"));
}
TEST_F(Change, RenameSameFileDoesNothing) {
  WriteFile("file");
  ASSERT_SUCCESS(link("file", "other"));
  EXPECT_SUCCESS(rename("file", "other"));
  EXPECT_TRUE(Exists("file"));
}
TEST_F(Change, RenameNoReplaceOverExistingIsEexist) {
  WriteFile("from");
  WriteFile("to");
  EXPECT_ERRNO(EEXIST, renameat2(AT_FDCWD, "from", AT_FDCWD, "to", RENAME_NOREPLACE));
  EXPECT_SUCCESS(renameat2(AT_FDCWD, "from", AT_FDCWD, "new", RENAME_NOREPLACE));
}
TEST_F(Change, RenameExchangeSwaps) {
  WriteFile("a", "A");
  WriteFile("b", "B");
  ASSERT_SUCCESS(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
  EXPECT_EQ("B", ReadFile("a"));
  EXPECT_EQ("A", ReadFile("b"));
}
TEST_F(Change, RenameWithContradictingFlagsIsEinval) {
  WriteFile("a");
  EXPECT_ERRNO(EINVAL, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE | RENAME_EXCHANGE));
}
TEST_F(Change, RenameBetweenDescriptors) {
  ASSERT_SUCCESS(mkdir("a", 0755));
  ASSERT_SUCCESS(mkdir("b", 0755));
  WriteFile("a/file", "moved");
  Fd from(open("a", O_RDONLY | O_DIRECTORY)), to(open("b", O_PATH | O_DIRECTORY));
  ASSERT_SUCCESS(renameat(from.get(), "file", to.get(), "renamed"));
  EXPECT_EQ("moved", ReadFile("b/renamed"));
}

TEST_F(Change, MknodMakesFifoSocketAndFile) {
  ASSERT_SUCCESS(mknod("fifo", S_IFIFO | 0600, 0));
  ASSERT_SUCCESS(mknod("socket", S_IFSOCK | 0600, 0));
  ASSERT_SUCCESS(mknod("file", S_IFREG | 0600, 0));
  ASSERT_SUCCESS(mknod("plain", 0600, 0));
  EXPECT_TRUE(S_ISFIFO(StatOf("fifo").st_mode));
  EXPECT_TRUE(S_ISSOCK(StatOf("socket").st_mode));
  EXPECT_TRUE(S_ISREG(StatOf("file").st_mode));
  EXPECT_TRUE(S_ISREG(StatOf("plain").st_mode));
}
TEST_F(Change, MknodOfDirectoryIsEperm) { EXPECT_ERRNO(EPERM, mknod("dir", S_IFDIR | 0755, 0)); }
TEST_F(Change, MknodOfDeviceWithoutCapabilityIsEperm) {
  ASSERT_SUCCESS(chmod(".", 0777));
  EXPECT_CHILD_ERRNO(EPERM,
                     As({}, [] { return ErrnoOf(mknod("null", S_IFCHR | 0666, makedev(1, 3))); }));
}
TEST_F(Change, ReadOnlyMountRefusesEverything) {
  const std::string top = GetOptions().read_only;
  const std::string file = top + "/file", other = top + "/other";
  EXPECT_ERRNO(EROFS, mkdir(other.c_str(), 0755));
  EXPECT_ERRNO(EROFS, unlink(file.c_str()));
  EXPECT_ERRNO(EROFS, rename(file.c_str(), other.c_str()));
  EXPECT_ERRNO(EROFS, symlink("x", other.c_str()));
  EXPECT_ERRNO(EROFS, link(file.c_str(), other.c_str()));
  EXPECT_ERRNO(EROFS, rmdir((top + "/dir").c_str()));
  EXPECT_ERRNO(EROFS, mkfifo(other.c_str(), 0644));
}

}  // namespace
}  // namespace moat::conformance
