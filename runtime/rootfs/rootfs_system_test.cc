// The container's tree with hostile images, as root: nothing outside is touched.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/read_file.h"
#include "base/status.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/rootfs/build_root.h"

namespace moat::rootfs {
namespace {

namespace fs = std::filesystem;

class RootfsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    char name[] = "/tmp/moat-rootfs-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    base_ = name;
    for (const char* directory : {"rootfs", "staging", "outside", "rootfs/proc", "rootfs/sys"}) {
      fs::create_directory(base_ / directory);
    }
    ids_ = namespaces::IdMaps::Create(spec_.linux_config).value();
    spec_.root.path = "rootfs";
    spec_.process.emplace();
    spec_.mounts.push_back({"/dev", "tmpfs", "tmpfs", {"nosuid", "mode=755"}, {}, {}});
    spec_.mounts.push_back(
        {"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"}, {}, {}});
  }
  void TearDown() override {
    if (!base_.empty()) fs::remove_all(base_);
  }

  absl::StatusOr<BuiltRoot> Build() {
    ASSIGN_OR_RETURN(
        namespaces::ChildStep building,
        StartRoot({.spec = spec_, .ids = ids_, .bundle = base_, .staging = base_ / "staging"}));
    return TakeRoot(building);
  }

  // Runs `look` inside N_c; its value.
  nlohmann::json Inside(const BuiltRoot& built, const std::function<nlohmann::json()>& look) {
    auto result = namespaces::RunInChild([&]() -> absl::StatusOr<namespaces::Handover> {
      if (::setns(built.mount_namespace.get(), CLONE_NEWNS) < 0) {
        return ErrnoStatus(errno, "setns", "N_c");
      }
      return namespaces::Handover{look(), {}};
    });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->values : nlohmann::json();
  }

  bool OutsideIsEmpty() const { return fs::is_empty(base_ / "outside"); }

  fs::path base_;
  spec::Spec spec_;
  namespaces::IdMaps ids_;
};

TEST_F(RootfsTest, MakesDevicesThatWork) {
  absl::StatusOr<BuiltRoot> built = Build();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(Inside(*built, [] { return ::open("/dev/null", O_RDWR) >= 0; }), true);
  EXPECT_EQ(Inside(*built, [] { return fs::read_symlink("/dev/fd").string(); }), "/proc/self/fd");
}

TEST_F(RootfsTest, LoopsInProcAndSys) {
  absl::StatusOr<BuiltRoot> built = Build();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(Inside(*built, [] { return ::open("/proc/self/mounts", O_RDONLY) < 0 ? errno : 0; }),
            ELOOP);
  EXPECT_EQ(Inside(*built, [] { return ::open("/sys/kernel", O_RDONLY) < 0 ? errno : 0; }), ELOOP);
}

TEST_F(RootfsTest, DevSymlinkDoesNotLeadOutside) {
  fs::create_directory_symlink(base_ / "outside", base_ / "rootfs/dev");
  (void)Build();
  EXPECT_TRUE(OutsideIsEmpty());
}

TEST_F(RootfsTest, RefusesProcSymlink) {
  fs::remove(base_ / "rootfs/proc");
  fs::create_directory_symlink(base_ / "outside", base_ / "rootfs/proc");
  EXPECT_EQ(StatusErrno(Build().status()), ENOTDIR);
}

TEST_F(RootfsTest, MountTargetBelowSymlinkDoesNotLeadOutside) {
  fs::create_directory_symlink(base_ / "outside", base_ / "rootfs/data");
  fs::create_directory_symlink("../../../../../../tmp", base_ / "rootfs/up");
  spec_.mounts.push_back({"/data/a/b", "tmpfs", "tmpfs", {}, {}, {}});
  spec_.mounts.push_back({"/up/moat-escaped", "tmpfs", "tmpfs", {}, {}, {}});
  (void)Build();
  EXPECT_TRUE(OutsideIsEmpty());
  EXPECT_FALSE(fs::exists("/tmp/moat-escaped"));
}

TEST_F(RootfsTest, BindsReadOnly) {
  std::ofstream(base_ / "outside/file") << "text";
  spec_.mounts.push_back({"/volume", "bind", "outside", {"rbind", "ro"}, {}, {}});
  absl::StatusOr<BuiltRoot> built = Build();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(Inside(*built, [] { return ::open("/volume/file", O_RDWR) < 0 ? errno : 0; }), EROFS);
  EXPECT_EQ(Inside(*built, [] { return ::open("/volume/file", O_RDONLY) >= 0; }), true);
}

TEST_F(RootfsTest, MasksFilesAndDirectories) {
  std::ofstream(base_ / "rootfs/secret") << "text";
  fs::create_directory(base_ / "rootfs/hidden");
  std::ofstream(base_ / "rootfs/hidden/file") << "text";
  spec_.linux_config.masked_paths = {"/secret", "/hidden", "/not/there"};
  absl::StatusOr<BuiltRoot> built = Build();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(Inside(*built, [] { return fs::exists("/hidden/file"); }), false);
  EXPECT_EQ(Inside(*built, [] { return ReadFileAt(AT_FDCWD, "/secret", 100).value(); }), "");
}

TEST_F(RootfsTest, ShowsNoHostPathInTheMountTable) {
  spec_.mounts.push_back({"/volume", "bind", "outside", {"bind"}, {}, {}});
  absl::StatusOr<BuiltRoot> built = Build();
  ASSERT_TRUE(built.ok()) << built.status();
  for (const std::string& line : built->mount_table) {
    EXPECT_EQ(line.find(base_.string()), std::string::npos) << line;
  }
}

TEST_F(RootfsTest, LeavesNoMountOnTheHost) {
  const std::string before = ReadFile("/proc/self/mountinfo", 1 << 20).value();
  (void)Build();
  EXPECT_EQ(ReadFile("/proc/self/mountinfo", 1 << 20).value(), before);
  EXPECT_TRUE(fs::is_empty(base_ / "staging"));
}

}  // namespace
}  // namespace moat::rootfs
