// Where a path goes: lexically, by its base, over crossings and magic links.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "sentry/fs/fake_world.h"
#include "sentry/fs/place.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using gofer::Crossing;
using gofer::Failure;

uint64_t At(const char* text) { return FakeWorld::Address(text); }
constexpr uint64_t kCwd = static_cast<uint64_t>(AT_FDCWD);

int ErrorOf(const Outcome& outcome) {
  const auto* error = std::get_if<Errno>(&outcome);
  return error == nullptr ? 0 : error->value();
}

struct statx WithInode(uint64_t inode) {
  struct statx attributes {};
  attributes.stx_ino = inode;
  return attributes;
}

TEST(LexicalPaths, KnowsTheVirtualTrees) {
  for (const char* path : {"/proc", "/proc/", "//proc/self", "/./proc/x", "/../proc", "/sys/fs",
                           "/proc/../etc", "/.././/sys"}) {
    EXPECT_TRUE(IsLexicallyVirtual(path)) << path;
  }
  for (const char* path : {"", "/", "proc", "/procs", "/tmp/../proc", "/proc2/x", "/..", "/.",
                           "/system", "./proc", "/.proc"}) {
    EXPECT_FALSE(IsLexicallyVirtual(path)) << path;
  }
}

TEST(Paths, AbsolutePathGoesToTheGofer) {
  FakeWorld world;
  world.channel.on_stat = [](const gofer::PathRef& path) -> gofer::Outcome<struct statx> {
    EXPECT_EQ(path.base, -1);
    return WithInode(7);
  };
  struct stat out {};
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At("/etc/passwd"), FakeWorld::Address(&out)})), 0);
  EXPECT_EQ(out.st_ino, 7u);
  EXPECT_EQ(world.channel.asked, std::vector<std::string>{"stat /etc/passwd"});
}

TEST(Paths, LexicallyVirtualPathNeverReachesTheGofer) {
  FakeWorld world;
  world.tree->on_stat = [](absl::string_view) { return WithInode(3); };
  struct stat out {};
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At("//./proc/meminfo"), FakeWorld::Address(&out)})), 0);
  EXPECT_EQ(out.st_ino, 3u);
  EXPECT_TRUE(world.channel.asked.empty());
  EXPECT_EQ(world.tree->asked, std::vector<std::string>{"/proc/meminfo"});
}

TEST(Paths, CrossingGoesOnInTheVirtualTree) {
  FakeWorld world;
  world.channel.on_stat = [](const gofer::PathRef&) -> gofer::Outcome<struct statx> {
    return Failure{Errno(ELOOP), Crossing{"/proc/self/mounts"}};
  };
  world.tree->on_stat = [](absl::string_view) { return WithInode(9); };
  struct stat out {};
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At("/etc/mtab"), FakeWorld::Address(&out)})), 0);
  EXPECT_EQ(out.st_ino, 9u);
  EXPECT_EQ(world.tree->asked, std::vector<std::string>{"/proc/self/mounts"});
}

TEST(Paths, MagicLinkGoesBackToTheGofer) {
  FakeWorld world;
  world.tree->on_stat = [](absl::string_view) -> VirtualResult<struct statx> {
    return LeftTree{Fd(::open("/", O_PATH | O_CLOEXEC)), "etc"};
  };
  world.channel.on_stat = [](const gofer::PathRef& path) -> gofer::Outcome<struct statx> {
    EXPECT_GE(path.base, 0);
    return WithInode(5);
  };
  struct stat out {};
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At("/proc/self/root/etc"), FakeWorld::Address(&out)})), 0);
  EXPECT_EQ(world.channel.asked, std::vector<std::string>{"stat etc"});
}

TEST(Paths, EndlessHopsEndInEloop) {
  FakeWorld world;
  world.tree->on_stat = [](absl::string_view) -> VirtualResult<struct statx> {
    return LeftTree{Fd(), "proc/self/root/proc/self/root"};
  };
  struct stat out {};
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At("/proc/self/root"), FakeWorld::Address(&out)})), ELOOP);
}

TEST(Paths, RelativePathFromAVirtualDirectory) {
  FakeWorld world;
  const Fd base(::open("/", O_PATH | O_CLOEXEC));
  world.tree->path_of_directory = [](const struct statx&) { return "/proc/12"; };
  world.tree->on_stat = [](absl::string_view) { return WithInode(4); };
  struct stat out {};
  const auto fd = static_cast<uint64_t>(base.get());
  EXPECT_EQ(ErrorOf(world.Run(SysNewfstatat, {fd, At("status"), FakeWorld::Address(&out), 0})), 0);
  EXPECT_EQ(world.tree->asked, std::vector<std::string>{"/proc/12/status"});
}

TEST(Paths, ArgumentErrorsInLinuxsOrder) {
  FakeWorld world;
  const std::string long_path(PATH_MAX, 'a');
  const uint64_t out = 0;
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {0, out})), EFAULT);
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At(""), out})), ENOENT);
  EXPECT_EQ(ErrorOf(world.Run(SysStat, {At(long_path.c_str()), out})), ENAMETOOLONG);
  EXPECT_EQ(ErrorOf(world.Run(SysNewfstatat, {kCwd, At("x"), out, 0x8000})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysNewfstatat, {1000, At("x"), out, 0})), EBADF);
  EXPECT_EQ(ErrorOf(world.Run(SysFaccessat2, {kCwd, At("x"), 8, 0})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysReadlink, {At("/x"), out, 0})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysRenameat2, {kCwd, 0, kCwd, 0, 3})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysTruncate, {0, ~uint64_t{0}})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysGetcwd, {out, 0})), ERANGE);
  EXPECT_TRUE(world.channel.asked.empty());
}

// What was read may have been another task's: nothing is done with it.
TEST(Paths, NothingIsDoneForATaskThatNoLongerWaits) {
  FakeWorld world;
  world.platform.still_waits = false;
  EXPECT_EQ(ErrorOf(world.Run(SysMkdir, {At("/x"), 0755})), ESRCH);
  EXPECT_TRUE(world.channel.asked.empty());
}

// Who was known before the trap came, and lives, is the one that made it.
TEST(Paths, OnlyWhoIsKnownFromBeforeTheTrapIsNotAskedAbout) {
  FakeWorld world;
  const auto stat = [&world](uint64_t before) {
    struct stat result;
    return ErrorOf(world.Run(SysStat, {At("/etc/passwd"), FakeWorld::Address(&result)}, before));
  };
  const uint64_t first = world.container.cache->Moment();
  stat(first);
  const uint64_t second = world.container.cache->Moment();
  EXPECT_GT(second, first);
  world.platform.still_waits = false;
  EXPECT_EQ(stat(first), ESRCH);
  EXPECT_EQ(stat(0), ESRCH);
  EXPECT_NE(stat(second), ESRCH);
  world.container.cache->Forget(::gettid());
  EXPECT_EQ(stat(second), ESRCH);
}

// "/" plays a folder of the virtual tree, "/dev" one of the container's.
void GiveFolders(FakeWorld& world) {
  struct stat virtual_folder {};
  ASSERT_EQ(::stat("/", &virtual_folder), 0);
  world.tree->path_of_directory =
      [inode = virtual_folder.st_ino](const struct statx& found) -> std::optional<std::string> {
    if (found.stx_ino == inode) return "/proc";
    return {};
  };
  world.tree->on_open = [](absl::string_view) -> VirtualResult<VirtualOpened> {
    return VirtualOpened{Fd(::open("/", O_PATH | O_CLOEXEC))};
  };
  world.channel.on_open = [](const gofer::PathRef&) -> gofer::Outcome<gofer::Opened> {
    return gofer::Opened{Fd(::open("/dev", O_PATH | O_CLOEXEC))};
  };
}

TEST(Paths, RenameBetweenTheTreesIsExdev) {
  FakeWorld world;
  GiveFolders(world);
  EXPECT_EQ(ErrorOf(world.Run(SysRename, {At("/proc/self/comm"), At("/tmp/x")})), EXDEV);
  EXPECT_EQ(ErrorOf(world.Run(SysRename, {At("/tmp/x"), At("/sys/x")})), EXDEV);
  EXPECT_EQ(ErrorOf(world.Run(SysRename, {At("/proc/a"), At("/proc/b")})), EPERM);
}

TEST(Paths, RenameThroughAMagicLinkIsMadeFromTheFolder) {
  FakeWorld world;
  GiveFolders(world);
  world.tree->on_open = [](absl::string_view) -> VirtualResult<VirtualOpened> {
    return LeftTree{Fd(::open("/dev", O_PATH | O_CLOEXEC)), "folder"};
  };
  world.channel.on_change = [](const std::string&) { return Unit(); };
  EXPECT_EQ(ErrorOf(world.Run(SysRename, {At("/proc/self/cwd/folder/x/"), At("/tmp/y")})), 0);
  EXPECT_EQ(world.channel.asked.back(), "rename x/");
}

TEST(Paths, DescriptorBehindALinkIsOpenedAnew) {
  FakeWorld world;
  const Fd file(::memfd_create("reopened", MFD_CLOEXEC));
  world.tree->on_open = [&](absl::string_view) -> VirtualResult<VirtualOpened> {
    return LeftTree{Fd(::dup(file.get())), ""};
  };
  world.channel.on_change = [](const std::string&) { return Unit(); };
  Outcome outcome = world.Run(SysOpen, {At("/dev/../proc/self/fd/3"), O_RDONLY | O_CLOEXEC});
  EXPECT_EQ(ErrorOf(outcome), ENOSYS);  // not lexically virtual: the gofer's
  outcome = world.Run(SysOpen, {At("/proc/self/fd/3"), O_RDONLY | O_CLOEXEC});
  auto* given = std::get_if<GiveFd>(&outcome);
  ASSERT_NE(given, nullptr) << ErrorOf(outcome);
  EXPECT_TRUE(given->close_on_exec);
  struct stat a {
  }, b{};
  ASSERT_EQ(::fstat(file.get(), &a), 0);
  ASSERT_EQ(::fstat(given->fd.get(), &b), 0);
  EXPECT_EQ(a.st_ino, b.st_ino);
  EXPECT_EQ(::fcntl(given->fd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(world.channel.asked.back(), "access ");
}

TEST(Paths, RememberedFileIsOpenedWithoutTheGofer) {
  FakeWorld world;
  const Fd file(::memfd_create("remembered", MFD_CLOEXEC));
  const std::string path = absl::StrCat("/proc/self/fd/", file.get());
  const auto remembered = std::make_shared<const Fd>(::open(path.c_str(), O_PATH | O_CLOEXEC));
  const auto gofer_is_asked = [&](uint64_t flags) {
    const size_t before = world.channel.asked.size();
    const Outcome outcome = world.Run(SysOpen, {At("/etc/x"), flags});
    const bool asked = world.channel.asked.size() > before;
    EXPECT_NE(asked, std::holds_alternative<GiveFd>(outcome));
    return asked;
  };
  EXPECT_TRUE(gofer_is_asked(O_RDONLY));
  world.channel.remembered = {
      .known = true, .file = remembered, .mode = S_IFREG | 0777, .uid = ::geteuid()};
  ASSERT_EQ(::fchmod(file.get(), 0444), 0);
  EXPECT_FALSE(gofer_is_asked(O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(gofer_is_asked(O_RDWR));
  EXPECT_TRUE(gofer_is_asked(O_RDONLY | O_NOFOLLOW));
  EXPECT_TRUE(gofer_is_asked(O_RDONLY | O_DIRECT));
  EXPECT_TRUE(gofer_is_asked(O_RDONLY | O_NOATIME));
  // The caller owns it: only his own bits count.
  ASSERT_EQ(::fchmod(file.get(), 0400), 0);
  EXPECT_FALSE(gofer_is_asked(O_RDONLY));
  ASSERT_EQ(::fchmod(file.get(), 0044), 0);
  EXPECT_TRUE(gofer_is_asked(O_RDONLY));
  world.channel.remembered = {.known = true, .missing = true};
  EXPECT_EQ(ErrorOf(world.Run(SysOpen, {At("/etc/x"), O_RDONLY})), ENOENT);
  EXPECT_TRUE(gofer_is_asked(O_RDONLY | O_CREAT));
}

// A name in a remembered directory is opened as it is at that moment, or left to the gofer.
TEST(Paths, RememberedStepIsMadeAnew) {
  FakeWorld world;
  std::string path = absl::StrCat(::testing::TempDir(), "/step-XXXXXX");
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  const absl::Cleanup remove = [&path] { std::filesystem::remove_all(path); };
  const Fd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto at = [&path](const char* name) { return absl::StrCat(path, "/", name); };
  std::ofstream(at("file")) << "x";
  std::ofstream(at("other")) << "y";
  world.channel.remembered = {.known = true,
                              .directory = directory.get(),
                              .name = "file",
                              .mode = S_IFREG | 0777,
                              .uid = ::geteuid()};
  // The flags of what was opened; nothing when the gofer was asked.
  const auto open = [&](uint64_t flags) -> std::optional<int> {
    const Outcome outcome = world.Run(SysOpen, {At("/etc/file"), flags});
    const auto* given = std::get_if<GiveFd>(&outcome);
    if (given == nullptr) return std::nullopt;
    return ::fcntl(given->fd.get(), F_GETFL);
  };
  for (const int flags : {O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOFOLLOW | O_NONBLOCK}) {
    const Fd native(::open(at("file").c_str(), flags | O_CLOEXEC));
    EXPECT_EQ(open(static_cast<uint64_t>(flags)), ::fcntl(native.get(), F_GETFL)) << flags;
  }
  EXPECT_FALSE(open(O_DIRECTORY));
  ASSERT_EQ(::rename(at("other").c_str(), at("file").c_str()), 0);
  EXPECT_TRUE(open(O_RDONLY));
  ASSERT_EQ(::chmod(at("file").c_str(), 0), 0);
  EXPECT_FALSE(open(O_RDONLY));
  std::filesystem::remove(at("file"));
  EXPECT_FALSE(open(O_RDONLY));
  std::filesystem::create_symlink("/etc/passwd", at("file"));
  EXPECT_FALSE(open(O_RDONLY));
  std::filesystem::remove(at("file"));
  ASSERT_EQ(::mkfifo(at("file").c_str(), 0666), 0);
  EXPECT_FALSE(open(O_RDONLY));  // and nobody waits for a writer
  std::filesystem::remove(at("file"));
  std::filesystem::create_directory(at("file"));
  EXPECT_TRUE(open(O_RDONLY | O_DIRECTORY));
}

TEST(Openat2, SizeRules) {
  FakeWorld world;
  struct {
    open_how how;
    uint64_t future;
  } how = {{.flags = O_RDONLY}, 0};
  const uint64_t at = FakeWorld::Address(&how);
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {kCwd, At("/x"), at, 23})), EINVAL);
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {kCwd, At("/x"), at, 4097})), E2BIG);
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {kCwd, At("/x"), at, sizeof(how)})), ENOSYS);
  how.future = 1;
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {kCwd, At("/x"), at, sizeof(how)})), E2BIG);
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {kCwd, At("/x"), 0, sizeof(open_how)})), EFAULT);
}

TEST(Openat2, ScopedAbsolutePathIsNotLexicallyVirtual) {
  FakeWorld world;
  const Fd base(::open("/", O_PATH | O_CLOEXEC));
  const open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};
  world.channel.on_open = [](const gofer::PathRef& path) -> gofer::Outcome<gofer::Opened> {
    EXPECT_GE(path.base, 0);
    return Failure{Errno(ENOENT), {}};
  };
  EXPECT_EQ(ErrorOf(world.Run(SysOpenat2, {static_cast<uint64_t>(base.get()), At("/proc/version"),
                                           FakeWorld::Address(&how), sizeof(how)})),
            ENOENT);
  EXPECT_TRUE(world.tree->asked.empty());
}

}  // namespace
}  // namespace moat::sentry
