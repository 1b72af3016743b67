// How a path is walked: dots, symlinks, trailing slashes, lengths, base descriptors.
#include <unistd.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Lookup : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(mkdir("dir", 0755));
    ASSERT_SUCCESS(mkdir("dir/sub", 0755));
    WriteFile("dir/file", "content");
    WriteFile("top", "top");
  }
};

int StatErrno(const std::string& path) {
  struct stat ignored;
  return ErrnoOf(stat(path.c_str(), &ignored));
}

TEST_F(Lookup, DotAndDotDot) {
  EXPECT_EQ("content", ReadFile("./dir/./sub/.././file"));
  EXPECT_EQ("top", ReadFile("dir/sub/../../top"));
}
TEST_F(Lookup, DotDotOfRootIsRoot) {
  EXPECT_EQ(StatOf("/").st_ino, StatOf("/../..").st_ino);
  EXPECT_EQ("top", ReadFile("/../../" + dir() + "/top"));
}
TEST_F(Lookup, DotDotAfterLinkIsTheTargetsParent) {
  ASSERT_SUCCESS(symlink("dir/sub", "link"));
  EXPECT_EQ("content", ReadFile("link/../file"));
}
TEST_F(Lookup, DotDotAfterMissingIsEnoent) { EXPECT_CHILD_ERRNO(ENOENT, StatErrno("no/../top")); }
TEST_F(Lookup, DotDotAfterFileIsEnotdir) {
  EXPECT_CHILD_ERRNO(ENOTDIR, StatErrno("top/../top"));
  EXPECT_CHILD_ERRNO(ENOTDIR, StatErrno("top/."));
}
TEST_F(Lookup, ManySlashesAreOne) { EXPECT_EQ("content", ReadFile("dir////file")); }

TEST_F(Lookup, TrailingSlashOnDirectory) { EXPECT_CHILD_ERRNO(0, StatErrno("dir///")); }
TEST_F(Lookup, TrailingSlashOnFileIsEnotdir) { EXPECT_CHILD_ERRNO(ENOTDIR, StatErrno("top/")); }
TEST_F(Lookup, TrailingSlashFollowsLink) {
  ASSERT_SUCCESS(symlink("dir", "link"));
  struct stat attributes {};
  ASSERT_SUCCESS(lstat("link/", &attributes));
  EXPECT_TRUE(S_ISDIR(attributes.st_mode));
}
TEST_F(Lookup, TrailingSlashOnLinkToFileIsEnotdir) {
  ASSERT_SUCCESS(symlink("top", "link"));
  struct stat ignored;
  EXPECT_ERRNO(ENOTDIR, lstat("link/", &ignored));
}
TEST_F(Lookup, CreatingWithTrailingSlashIsEisdir) {
  EXPECT_ERRNO(EISDIR, open("new/", O_WRONLY | O_CREAT, 0644));
  EXPECT_FALSE(Exists("new"));
}
TEST_F(Lookup, MkdirWithTrailingSlashWorks) { EXPECT_SUCCESS(mkdir("new/", 0755)); }
TEST_F(Lookup, UnlinkWithTrailingSlashIsEnotdir) { EXPECT_ERRNO(ENOTDIR, unlink("top/")); }
TEST_F(Lookup, RenameFileToTrailingSlashIsEnotdir) { EXPECT_ERRNO(ENOTDIR, rename("top", "new/")); }
TEST_F(Lookup, RmdirOfDotIsEinval) { EXPECT_ERRNO(EINVAL, rmdir("dir/sub/.")); }
TEST_F(Lookup, RmdirOfDotDotIsEnotempty) { EXPECT_ERRNO(ENOTEMPTY, rmdir("dir/sub/..")); }
TEST_F(Lookup, RenameOfDotIsEbusy) { EXPECT_ERRNO(EBUSY, rename("dir/.", "new")); }
TEST_F(Lookup, MkdirOfDotIsEexist) { EXPECT_ERRNO(EEXIST, mkdir("dir/.", 0755)); }

TEST_F(Lookup, LoopIsEloop) {
  ASSERT_SUCCESS(symlink("b", "a"));
  ASSERT_SUCCESS(symlink("a", "b"));
  EXPECT_CHILD_ERRNO(ELOOP, StatErrno("a"));
  EXPECT_CHILD_ERRNO(ELOOP, StatErrno("a/x"));
}
TEST_F(Lookup, LinkToItselfIsEloop) {
  ASSERT_SUCCESS(symlink("self", "self"));
  EXPECT_CHILD_ERRNO(ELOOP, StatErrno("self"));
}
TEST_F(Lookup, FortyLinksWorkFortyOneDoNot) {
  ASSERT_SUCCESS(symlink("top", "l1"));
  for (int i = 2; i <= 41; ++i) {
    const std::string target = "l" + std::to_string(i - 1), name = "l" + std::to_string(i);
    ASSERT_SUCCESS(symlink(target.c_str(), name.c_str()));
  }
  EXPECT_CHILD_ERRNO(0, StatErrno("l40"));
  EXPECT_CHILD_ERRNO(ELOOP, StatErrno("l41"));
}
TEST_F(Lookup, AbsoluteLinkStartsAtRoot) {
  ASSERT_SUCCESS(symlink((dir() + "/dir").c_str(), "dir/sub/link"));
  EXPECT_EQ("content", ReadFile("dir/sub/link/file"));
}
TEST_F(Lookup, LinkThatClimbsAboveRootEndsAtRoot) {
  ASSERT_SUCCESS(symlink("../../../../../../../../../..", "link"));
  EXPECT_EQ(StatOf("/").st_ino, StatOf("link/.").st_ino);
}

TEST_F(Lookup, NameOf255BytesWorks) {
  const std::string name(255, 'n');
  WriteFile(name, "long");
  EXPECT_EQ("long", ReadFile(name));
}
TEST_F(Lookup, NameOf256BytesIsEnametoolong) {
  EXPECT_CHILD_ERRNO(ENAMETOOLONG, StatErrno(std::string(256, 'n')));
  EXPECT_ERRNO(ENAMETOOLONG, mkdir(std::string(256, 'n').c_str(), 0755));
}
TEST_F(Lookup, PathOf4095BytesWorks) {
  std::string path = "top";  // 3 + 2 * 2046 = 4095 bytes and the NUL: PATH_MAX
  for (int i = 0; i < 2046; ++i) path.insert(0, "./");
  EXPECT_CHILD_ERRNO(0, StatErrno(path));
}
TEST_F(Lookup, PathOf4096BytesIsEnametoolong) {
  std::string path = "/top";
  for (int i = 0; i < 2046; ++i) path.insert(0, "./");
  EXPECT_CHILD_ERRNO(ENAMETOOLONG, StatErrno(path));
}

TEST_F(Lookup, RelativeToDirectoryDescriptor) {
  Fd base(open("dir", O_RDONLY | O_DIRECTORY));
  Fd file(openat(base.get(), "file", O_RDONLY));
  EXPECT_EQ("content", ReadAll(file.get()));
  Fd above(openat(base.get(), "../top", O_RDONLY));
  EXPECT_EQ("top", ReadAll(above.get()));
}
TEST_F(Lookup, RelativeToPathDescriptor) {
  Fd base(open("dir", O_PATH));
  Fd file(openat(base.get(), "file", O_RDONLY));
  EXPECT_EQ("content", ReadAll(file.get()));
}
TEST_F(Lookup, AbsolutePathIgnoresBadBase) {
  EXPECT_SUCCESS(Fd(openat(-77, (dir() + "/top").c_str(), O_RDONLY)).valid() ? 0 : -1);
}
TEST_F(Lookup, BadBaseIsEbadf) {
  EXPECT_ERRNO(EBADF, openat(-77, "top", O_RDONLY));
  EXPECT_ERRNO(EBADF, openat(999, "top", O_RDONLY));
  EXPECT_ERRNO(EBADF, mkdirat(999, "new", 0755));
}
TEST_F(Lookup, FileAsBaseIsEnotdir) {
  Fd base(open("top", O_RDONLY));
  EXPECT_ERRNO(ENOTDIR, openat(base.get(), "x", O_RDONLY));
  struct stat ignored;
  EXPECT_ERRNO(ENOTDIR, fstatat(base.get(), "x", &ignored, 0));
}
TEST_F(Lookup, BaseSurvivesRename) {
  Fd base(open("dir", O_RDONLY | O_DIRECTORY));
  ASSERT_SUCCESS(rename("dir", "moved"));
  Fd file(openat(base.get(), "file", O_RDONLY));
  EXPECT_EQ("content", ReadAll(file.get()));
}
TEST_F(Lookup, RemovedBaseIsEnoent) {
  Fd base(open("dir/sub", O_RDONLY | O_DIRECTORY));
  ASSERT_SUCCESS(rmdir("dir/sub"));
  EXPECT_ERRNO(ENOENT, openat(base.get(), "new", O_WRONLY | O_CREAT, 0644));
}

TEST_F(Lookup, EmptyPathIsTheDescriptor) {
  Fd file(open("dir/file", O_RDONLY));
  struct stat attributes {};
  EXPECT_SUCCESS(fstatat(file.get(), "", &attributes, AT_EMPTY_PATH));
  EXPECT_EQ(7, attributes.st_size);
}
TEST_F(Lookup, EmptyPathIsThePathDescriptorOfALink) {
  ASSERT_SUCCESS(symlink("top", "link"));
  Fd link(open("link", O_PATH | O_NOFOLLOW));
  struct stat attributes {};
  EXPECT_SUCCESS(fstatat(link.get(), "", &attributes, AT_EMPTY_PATH));
  EXPECT_TRUE(S_ISLNK(attributes.st_mode));
  char target[16];
  EXPECT_EQ(3, readlinkat(link.get(), "", target, sizeof target));
}
TEST_F(Lookup, EmptyPathWithCwdIsTheWorkingDirectory) {
  struct stat attributes {};
  EXPECT_SUCCESS(fstatat(AT_FDCWD, "", &attributes, AT_EMPTY_PATH));
  EXPECT_EQ(StatOf(".").st_ino, attributes.st_ino);
}
TEST_F(Lookup, EmptyPathWithoutTheFlagIsEnoent) {
  Fd file(open("dir/file", O_RDONLY));
  struct stat ignored;
  EXPECT_ERRNO(ENOENT, fstatat(file.get(), "", &ignored, 0));
}
TEST_F(Lookup, FilesOfAnOverlayHaveNoHandles) {
  alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = static_cast<file_handle*>(static_cast<void*>(room));
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  EXPECT_ERRNO(EOPNOTSUPP, name_to_handle_at(AT_FDCWD, "top", handle, &mount, 0));
}
TEST_F(Lookup, EmptyPathOfBadDescriptorIsEbadf) {
  struct stat ignored;
  EXPECT_ERRNO(EBADF, fstatat(999, "", &ignored, AT_EMPTY_PATH));
}

}  // namespace
}  // namespace moat::conformance
