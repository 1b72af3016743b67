// From where every call that takes a path finds it: the working directory, descriptors, links, the
// magic links of /proc, and roots. Each case looks at the effect through the plain full name.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "tests/conformance/conformance.h"
#include "tests/conformance/path_calls.h"

namespace moat::conformance {
namespace {

std::string NameOf(const ::testing::TestParamInfo<PathCall>& of) { return of.param.name; }

// "folder/target" is what the call needs; `there` is its full name.
class Found : public Scratch, public ::testing::WithParamInterface<PathCall> {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(mkdir("folder", 0755));
    there_ = dir() + "/folder/target";
    MakeTarget(GetParam().target, there_);
  }
  void ExpectWorks(const std::string& path, int base = AT_FDCWD) {
    EXPECT_CHILD_ERRNO(0, GetParam().run(base, path.c_str())) << path;
    ExpectEffect();
  }
  void ExpectEffect() {
    if (GetParam().worked != nullptr) {
      EXPECT_TRUE(GetParam().worked(there_));
    }
  }
  const std::string& there() const { return there_; }

 private:
  std::string there_;
};

class PathBases : public Found {};
INSTANTIATE_TEST_SUITE_P(Calls, PathBases, ::testing::ValuesIn(PathCalls()), NameOf);

TEST_P(PathBases, FullName) { ExpectWorks(there()); }
TEST_P(PathBases, FromTheWorkingDirectory) {
  ASSERT_SUCCESS(chdir("folder"));
  ExpectWorks("target");
}
TEST_P(PathBases, FromARenamedWorkingDirectory) {
  ASSERT_SUCCESS(rename("folder", "old"));
  ASSERT_SUCCESS(chdir("old"));
  ASSERT_SUCCESS(rename("../old", "../folder"));
  ExpectWorks("target");
}
TEST_P(PathBases, ThroughALinkToTheFolder) {
  ASSERT_SUCCESS(symlink("folder", "link"));
  ExpectWorks("link/target");
}
TEST_P(PathBases, ThroughAFullLinkAndDotDot) {
  ASSERT_SUCCESS(symlink((dir() + "/folder/..").c_str(), "link"));
  ExpectWorks("./link//folder/../folder/./target");
}
TEST_P(PathBases, ThroughProcSelfCwd) { ExpectWorks("/proc/self/cwd/folder/target"); }
TEST_P(PathBases, ThroughProcSelfRoot) { ExpectWorks("/proc/self/root" + there()); }
TEST_P(PathBases, ThroughProcSelfFd) {
  Fd folder(open("folder", O_RDONLY | O_DIRECTORY));
  ExpectWorks("/proc/self/fd/" + std::to_string(folder.get()) + "/target");
}
TEST_P(PathBases, ThroughALinkIntoProc) {
  ASSERT_SUCCESS(symlink("/proc/self/cwd", "link"));
  ExpectWorks("link/folder/target");
}
TEST_P(PathBases, PathThatCrossesAPage) {
  auto* pages = static_cast<char*>(
      mmap(nullptr, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(MAP_FAILED, pages);
  ASSERT_SUCCESS(munmap(pages + 8192, 4096));
  const size_t size = there().size() + 1;
  char* path = pages + 4096 - size / 2;
  std::memcpy(path, there().c_str(), size);
  EXPECT_CHILD_ERRNO(0, GetParam().run(AT_FDCWD, path));
  ExpectEffect();
  munmap(pages, 8192);
}

class DescriptorBases : public Found {};
INSTANTIATE_TEST_SUITE_P(Calls, DescriptorBases, ::testing::ValuesIn(PathCallsWithBase()), NameOf);

TEST_P(DescriptorBases, Directory) {
  Fd base(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ExpectWorks("target", base.get());
}
TEST_P(DescriptorBases, PathOnlyDirectory) {
  Fd base(open("folder", O_PATH | O_CLOEXEC));
  ExpectWorks("target", base.get());
}
TEST_P(DescriptorBases, DotDotFromThere) {
  ASSERT_SUCCESS(mkdir("folder/below", 0755));
  Fd base(open("folder/below", O_RDONLY | O_CLOEXEC));
  ExpectWorks("../target", base.get());
}
TEST_P(DescriptorBases, RenamedDirectory) {
  Fd base(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_SUCCESS(rename("folder", "moved"));
  EXPECT_CHILD_ERRNO(0, GetParam().run(base.get(), "target"));
  if (GetParam().worked != nullptr) {
    EXPECT_TRUE(GetParam().worked("moved/target"));
  }
}
TEST_P(DescriptorBases, FullNameIgnoresTheBase) { ExpectWorks(there(), 999); }
TEST_P(DescriptorBases, FullNameIgnoresAFileAsBase) {
  Fd base(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ExpectWorks(there(), base.get());
}
TEST_P(DescriptorBases, DescriptorFromTheParentProcess) {
  Fd base(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(0, InChild([&] { return GetParam().run(base.get(), "target"); }));
  ExpectEffect();
}
TEST_P(DescriptorBases, DescriptorFromBeforeAChroot) {
  Fd base(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_SUCCESS(mkdir("jail", 0755));
  ASSERT_SUCCESS(mkdir("jail/tmp", 0777));
  WriteFile("jail/tmp/other_file");
  const int error = InChild([&] {
    if (chroot("jail") != 0) return 199;
    return GetParam().run(base.get(), "target");
  });
  EXPECT_CHILD_ERRNO(0, error);
  ExpectEffect();
}

}  // namespace
}  // namespace moat::conformance
