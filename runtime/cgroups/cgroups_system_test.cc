// Groups in the host's cgroup v2 hierarchy alone, as on a unified host. Needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "runtime/cgroups/groups.h"

namespace moat::cgroups {
namespace {

class UnifiedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const auto host = DetectLayout();
    ASSERT_TRUE(host.ok()) << host.status();
    for (const Hierarchy& hierarchy : host->hierarchies) {
      if (hierarchy.v2) layout_.hierarchies.push_back(hierarchy);
    }
    if (layout_.hierarchies.empty()) GTEST_SKIP() << "the host has no cgroup v2";
  }

  absl::StatusOr<Groups> Create(const std::string& owner = "") {
    return Groups::Create(
        layout_,
        {.id = absl::StrCat("system-test-", ::getpid()), .owner = owner, .resources = &resources_});
  }

  std::string Path() const {
    return absl::StrCat(layout_.hierarchies.front().mount, "/moat/system-test-", ::getpid());
  }

  // The errno of opening `path` inside the workload's group; 0: it works.
  int OpenInside(const Groups& groups, const char* path) {
    const auto entrance = groups.ForWorkload();
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      char go;
      if (::read(ready[0], &go, 1) != 1 || entrance->Enter() != 0) ::_exit(255);
      const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
      ::_exit(file ? 0 : errno);
    }
    EXPECT_TRUE(entrance.ok() && entrance->Place(child).ok());
    EXPECT_EQ(::write(ready[1], "g", 1), 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  Layout layout_;
  spec::Resources resources_;
};

TEST_F(UnifiedTest, DeviceRulesHold) {
  resources_.devices = {{.allow = false, .type = 'a', .access = "rwm"}};
  auto groups = Create();
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_EQ(OpenInside(*groups, "/dev/null"), 0);
  EXPECT_EQ(OpenInside(*groups, "/dev/kmsg"), EPERM);
  EXPECT_TRUE(groups->Remove().ok());
}

TEST_F(UnifiedTest, AllowedDevicesOpen) {
  resources_.devices = {{.allow = false, .type = 'a', .access = "rwm"},
                        {.allow = true, .type = 'c', .major = 1, .minor = 11, .access = "r"}};
  auto groups = Create();
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_EQ(OpenInside(*groups, "/dev/kmsg"), 0);
  EXPECT_TRUE(groups->Remove().ok());
}

TEST_F(UnifiedTest, HugepageLimitIsWritten) {
  const Hierarchy& unified = layout_.hierarchies.front();
  if (!layout_.Find("hugetlb")) GTEST_SKIP() << "no hugetlb controller in cgroup v2";
  resources_.hugepage_limits = {{"2MB", 4194304}};
  auto groups = Create();
  ASSERT_TRUE(groups.ok()) << groups.status();
  const auto value = ReadFile(
      absl::StrCat(unified.mount, "/moat/system-test-", ::getpid(), "/hugetlb.2MB.max"), 100);
  EXPECT_EQ(value.value_or("?"), "4194304\n");
  EXPECT_TRUE(groups->Remove().ok());
}

TEST_F(UnifiedTest, UnknownPageSizeIsAnErrorAndLeavesNoGroup) {
  if (!layout_.Find("hugetlb")) GTEST_SKIP() << "no hugetlb controller in cgroup v2";
  resources_.hugepage_limits = {{"3MB", 4194304}};
  EXPECT_FALSE(Create().ok());
  const std::string group =
      absl::StrCat(layout_.hierarchies.front().mount, "/moat/system-test-", ::getpid());
  EXPECT_NE(::access(group.c_str(), F_OK), 0);
}

// A container's state directory.
class Owner {
 public:
  explicit Owner(absl::string_view name)
      : path_(absl::StrCat(testing::TempDir(), "/moat-owner-", ::getpid(), "-", name)) {
    EXPECT_EQ(::mkdir(path_.c_str(), 0700), 0);
  }
  ~Owner() { Forget(); }
  void Forget() const { ::rmdir(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST_F(UnifiedTest, AnEmptyGroupOfAnotherContainerIsRefused) {
  const Owner one("one"), other("other");
  auto groups = Create(one.path());
  ASSERT_TRUE(groups.ok()) << groups.status();
  const auto refused = Create(other.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find(one.path()), std::string::npos) << refused.status();
  EXPECT_EQ(::access(Path().c_str(), F_OK), 0);
  EXPECT_TRUE(groups->Remove().ok());
}

TEST_F(UnifiedTest, AGroupThatWasTakenOverIsLeftAlone) {
  const Owner one("one"), other("other");
  auto before = Create(one.path());
  ASSERT_TRUE(before.ok()) << before.status();
  one.Forget();
  auto after = Create(other.path());
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(before->Remove().ok());
  EXPECT_EQ(::access(Path().c_str(), F_OK), 0);
  // The same state directory under another name.
  auto mine = Groups::FromPaths(after->paths(), other.path() + "/");
  EXPECT_TRUE(mine.Remove().ok());
  EXPECT_NE(::access(Path().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace moat::cgroups
