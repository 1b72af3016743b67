// What every call that takes a path answers when there is something wrong with the path
// (path_resolution(7) and the ERRORS of each page).
#include <sys/mman.h>
#include <unistd.h>

#include "tests/conformance/conformance.h"
#include "tests/conformance/path_calls.h"

namespace moat::conformance {
namespace {

class Paths : public Scratch, public ::testing::WithParamInterface<PathCall> {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file");
    ASSERT_SUCCESS(symlink("loop", "loop"));
    ASSERT_SUCCESS(mkdir("locked", 0700));
    MakeTarget(GetParam().target, "locked/target");
  }
  static int Run(const std::string& path, int base = AT_FDCWD) {
    return GetParam().run(base, path.c_str());
  }
};

class PathErrors : public Paths {};
std::string NameOf(const ::testing::TestParamInfo<PathCall>& of) { return of.param.name; }
INSTANTIATE_TEST_SUITE_P(Calls, PathErrors, ::testing::ValuesIn(PathCalls()), NameOf);

TEST_P(PathErrors, EmptyPathIsEnoent) { EXPECT_CHILD_ERRNO(ENOENT, Run("")); }
TEST_P(PathErrors, MissingFolderIsEnoent) { EXPECT_CHILD_ERRNO(ENOENT, Run("missing/name")); }
TEST_P(PathErrors, FileAsFolderIsEnotdir) { EXPECT_CHILD_ERRNO(ENOTDIR, Run("file/name")); }
TEST_P(PathErrors, LoopOfLinksIsEloop) { EXPECT_CHILD_ERRNO(ELOOP, Run("loop/name")); }
TEST_P(PathErrors, NameOf256BytesIsEnametoolong) {
  EXPECT_CHILD_ERRNO(ENAMETOOLONG, Run(std::string(256, 'n')));
}
TEST_P(PathErrors, PathOf4096BytesIsEnametoolong) {
  std::string path;
  while (path.size() < 4096) path += "./";
  EXPECT_CHILD_ERRNO(ENAMETOOLONG, Run(path));
}
TEST_P(PathErrors, UnmappedPathIsEfault) {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, page);
  ASSERT_SUCCESS(munmap(page, 4096));
  EXPECT_CHILD_ERRNO(EFAULT, GetParam().run(AT_FDCWD, static_cast<const char*>(page)));
}
TEST_P(PathErrors, PathWithoutEndBeforeAnUnmappedPageIsEfault) {
  auto* pages = static_cast<char*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(MAP_FAILED, pages);
  ASSERT_SUCCESS(munmap(pages + 4096, 4096));
  std::fill(pages + 4090, pages + 4096, 'n');
  EXPECT_CHILD_ERRNO(EFAULT, GetParam().run(AT_FDCWD, pages + 4090));
  munmap(pages, 4096);
}
TEST_P(PathErrors, FolderWithoutSearchPermissionIsEacces) {
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return Run("locked/target"); }));
}
TEST_P(PathErrors, RemovedWorkingDirectoryIsEnoent) {
  ASSERT_SUCCESS(mkdir("gone", 0755));
  ASSERT_SUCCESS(chdir("gone"));
  ASSERT_SUCCESS(rmdir("../gone"));
  EXPECT_CHILD_ERRNO(ENOENT, Run("name"));
  EXPECT_SUCCESS(chdir(dir().c_str()));
}
TEST_P(PathErrors, DanglingLinkAtTheEnd) {
  ASSERT_SUCCESS(symlink("nowhere/at/all", "dangling"));
  const int error = Run("dangling");
  if (GetParam().follows) {
    EXPECT_CHILD_ERRNO(ENOENT, error);
  } else if (GetParam().target == Target::kNothing) {
    if (std::string(GetParam().name) != "rename_to") {  // which replaces the link

      EXPECT_CHILD_ERRNO(EEXIST, error);
    }
  } else {
    EXPECT_NE(ENOENT, error);
  }
}

class BaseErrors : public Paths {};
INSTANTIATE_TEST_SUITE_P(Calls, BaseErrors, ::testing::ValuesIn(PathCallsWithBase()), NameOf);

TEST_P(BaseErrors, ClosedBaseIsEbadf) { EXPECT_CHILD_ERRNO(EBADF, Run("name", 999)); }
TEST_P(BaseErrors, NegativeBaseIsEbadf) { EXPECT_CHILD_ERRNO(EBADF, Run("name", -1)); }
TEST_P(BaseErrors, FileAsBaseIsEnotdir) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ENOTDIR, Run("name", file.get()));
}
TEST_P(BaseErrors, PipeAsBaseIsEnotdir) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ENOTDIR, Run("name", ends[0]));
  close(ends[0]);
  close(ends[1]);
}
TEST_P(BaseErrors, RemovedBaseIsEnoent) {
  ASSERT_SUCCESS(mkdir("gone", 0755));
  Fd base(open("gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_SUCCESS(rmdir("gone"));
  EXPECT_CHILD_ERRNO(ENOENT, Run("name", base.get()));
}
TEST_P(BaseErrors, BaseWithoutSearchPermissionIsEacces) {
  Fd base(open("locked", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return Run("target", base.get()); }));
}
TEST_P(BaseErrors, EmptyPathOfABaseIsEnoent) {
  Fd base(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(ENOENT, Run("", base.get()));
}

}  // namespace
}  // namespace moat::conformance
