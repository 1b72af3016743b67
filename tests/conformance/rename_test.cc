// rename(2): every kind of file over every kind, with each flag; and where it fails or does
// nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <tuple>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

enum Kind { kNothing, kFile, kLink, kFifo, kEmpty, kFull };
constexpr const char* kNames[] = {"nothing", "file", "link", "fifo", "empty_folder", "full_folder"};
constexpr unsigned kFlags[] = {0, RENAME_NOREPLACE, RENAME_EXCHANGE};
constexpr const char* kFlagNames[] = {"replace", "noreplace", "exchange"};

void Make(Kind kind, const std::string& path) {
  if (kind == kFile) WriteFile(path, "content");
  if (kind == kLink) {
    ASSERT_SUCCESS(symlink("nowhere", path.c_str()));
  }
  if (kind == kFifo) {
    ASSERT_SUCCESS(mkfifo(path.c_str(), 0644));
  }
  if (kind == kEmpty || kind == kFull) {
    ASSERT_SUCCESS(mkdir(path.c_str(), 0755));
  }
  if (kind == kFull) WriteFile(path + "/inside");
}
bool IsFolder(Kind kind) { return kind == kEmpty || kind == kFull; }

// rename(2), "The target must not exist or be an empty directory" and its ERRORS.
int Expected(Kind from, Kind to, unsigned flags) {
  if (from == kNothing) return ENOENT;
  if (flags == RENAME_NOREPLACE) return to == kNothing ? 0 : EEXIST;
  if (flags == RENAME_EXCHANGE) return to == kNothing ? ENOENT : 0;
  if (to == kNothing) return 0;
  if (IsFolder(from) && !IsFolder(to)) return ENOTDIR;
  if (!IsFolder(from) && IsFolder(to)) return EISDIR;
  return to == kFull ? ENOTEMPTY : 0;
}

class RenameMatrix : public Scratch,
                     public ::testing::WithParamInterface<std::tuple<int, int, int>> {};
INSTANTIATE_TEST_SUITE_P(Of, RenameMatrix,
                         ::testing::Combine(::testing::Range(0, 6), ::testing::Range(0, 6),
                                            ::testing::Range(0, 3)),
                         [](const auto& of) {
                           return std::string(kNames[std::get<0>(of.param)]) + "_over_" +
                                  kNames[std::get<1>(of.param)] + "_" +
                                  kFlagNames[std::get<2>(of.param)];
                         });

TEST_P(RenameMatrix, Gives) {
  const auto from = static_cast<Kind>(std::get<0>(GetParam()));
  const auto to = static_cast<Kind>(std::get<1>(GetParam()));
  const unsigned flags = kFlags[std::get<2>(GetParam())];
  Make(from, "from");
  Make(to, "to");
  const ino_t moved = from == kNothing ? 0 : StatOf("from").st_ino;
  const ino_t other = to == kNothing ? 0 : StatOf("to").st_ino;
  const int expected = Expected(from, to, flags);
  EXPECT_ERRNO(expected, renameat2(AT_FDCWD, "from", AT_FDCWD, "to", flags));
  if (expected == 0) {
    EXPECT_EQ(moved, StatOf("to").st_ino);
    EXPECT_EQ(flags == RENAME_EXCHANGE, Exists("from"));
  } else {
    if (moved != 0) {
      EXPECT_EQ(moved, StatOf("from").st_ino);
    }
    if (other != 0) {
      EXPECT_EQ(other, StatOf("to").st_ino);
    }
  }
}

class Rename : public Scratch {};

TEST_F(Rename, ToItsOwnNameDoesNothing) {
  WriteFile("file", "x");
  EXPECT_SUCCESS(rename("file", "./file"));
  EXPECT_EQ("x", ReadFile("file"));
}
TEST_F(Rename, ToItsOwnNameWithNoReplaceIsEexist) {
  WriteFile("file");
  EXPECT_ERRNO(EEXIST, renameat2(AT_FDCWD, "file", AT_FDCWD, "file", RENAME_NOREPLACE));
}
TEST_F(Rename, ExchangeWithAFolderBelowIsEinval) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  ASSERT_SUCCESS(mkdir("folder/below", 0755));
  EXPECT_ERRNO(EINVAL, renameat2(AT_FDCWD, "folder", AT_FDCWD, "folder/below", RENAME_EXCHANGE));
}
TEST_F(Rename, OverTheFolderThatHoldsItIsEnotempty) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  ASSERT_SUCCESS(mkdir("folder/below", 0755));
  EXPECT_ERRNO(ENOTEMPTY, rename("folder/below", "folder"));
}
TEST_F(Rename, UnknownFlagIsEinval) {
  WriteFile("file");
  EXPECT_ERRNO(EINVAL, renameat2(AT_FDCWD, "file", AT_FDCWD, "new", 1u << 10));
}
TEST_F(Rename, FolderWithTrailingSlashes) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  EXPECT_SUCCESS(rename("folder/", "new/"));
  EXPECT_TRUE(Exists("new"));
}
TEST_F(Rename, LinkToAFolderWithTrailingSlashIsEnotdir) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  ASSERT_SUCCESS(symlink("folder", "link"));
  EXPECT_ERRNO(ENOTDIR, rename("link/", "new"));
}
TEST_F(Rename, OfTheWorkingDirectoryByDotIsEbusy) {
  EXPECT_ERRNO(EBUSY, rename(".", "../new"));
  EXPECT_ERRNO(EBUSY, rename("..", "new"));
}
TEST_F(Rename, ReplacedFileLivesOnInItsDescriptor) {
  WriteFile("old", "old");
  WriteFile("new", "new");
  Fd old(open("old", O_RDONLY | O_CLOEXEC));
  ASSERT_SUCCESS(rename("new", "old"));
  EXPECT_EQ("old", ReadAll(old.get()));
  EXPECT_EQ("new", ReadFile("old"));
}
TEST_F(Rename, KeepsTheHandleOfAnOpenFile) {
  WriteFile("file", "one");
  Fd file(open("file", O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_SUCCESS(rename("file", "new"));
  EXPECT_EQ(3, write(file.get(), "two", 3));
  EXPECT_EQ("onetwo", ReadFile("new"));
}
TEST_F(Rename, FolderIsMovedWithAllThatIsInIt) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  WriteFile("folder/file", "x");
  ASSERT_SUCCESS(mkdir("other", 0755));
  ASSERT_SUCCESS(rename("folder", "other/moved"));
  EXPECT_EQ("x", ReadFile("other/moved/file"));
  EXPECT_FALSE(Exists("folder/file"));
}
TEST_F(Rename, NamesThatWereMissingAreFoundAfterwards) {
  WriteFile("file", "x");
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Exists("other"));
    ASSERT_SUCCESS(rename("file", "other"));
    EXPECT_TRUE(Exists("other"));
    EXPECT_FALSE(Exists("file"));
    ASSERT_SUCCESS(rename("other", "file"));
  }
}
TEST_F(Rename, ChangesTheChangeTimeOfBothFolders) {
  ASSERT_SUCCESS(mkdir("a", 0755));
  ASSERT_SUCCESS(mkdir("b", 0755));
  WriteFile("a/file");
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "a", old, 0));
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "b", old, 0));
  ASSERT_SUCCESS(rename("a/file", "b/file"));
  EXPECT_NE(1, StatOf("a").st_mtime);
  EXPECT_NE(1, StatOf("b").st_mtime);
}
TEST_F(Rename, FolderOfAnotherNeedsWritePermissionOnItself) {
  // Its ".." changes: EACCES for who may not write the moved folder itself.
  ASSERT_SUCCESS(mkdir("a", 0777));
  ASSERT_SUCCESS(mkdir("b", 0777));
  ASSERT_SUCCESS(chmod("a", 0777));
  ASSERT_SUCCESS(chmod("b", 0777));
  ASSERT_SUCCESS(mkdir("a/folder", 0755));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return ErrnoOf(rename("a/folder", "b/folder")); }));
  EXPECT_CHILD_ERRNO(0, As({}, [] { return ErrnoOf(rename("a/folder", "a/renamed")); }));
}
TEST_F(Rename, InAStickyFolderNeedsTheTargetsOwnerToo) {
  ASSERT_SUCCESS(mkdir("tmp", 0777));
  ASSERT_SUCCESS(chmod("tmp", 01777));
  WriteFile("tmp/others", "x");
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] {
                       WriteFile("tmp/mine");
                       return ErrnoOf(rename("tmp/mine", "tmp/others"));
                     }));
}
TEST_F(Rename, AcrossMountsIsExdev) {
  WriteFile("file");
  EXPECT_ERRNO(EXDEV, rename("file", "/dev/shm/file"));
  EXPECT_ERRNO(EXDEV, rename("file", "/proc/file"));
}

}  // namespace
}  // namespace moat::conformance
