// Walks that enter /proc or /sys, in a real moat-gofer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "gofer/system_test/cage.h"
#include "gofer/system_test/fixture.h"

namespace moat::gofer {
namespace {

// "crossing PATH", an errno's name, or "ok".
template <typename T>
std::string Words(const Outcome<T>& outcome) {
  const auto* failure = std::get_if<Failure>(&outcome);
  if (!failure) return "ok";
  if (failure->crossing) return absl::StrCat("crossing ", failure->crossing->path);
  return ErrnoName(failure->error.value());
}

class CrossingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cage = TestCage::Create();
    ASSERT_TRUE(cage.ok()) << cage.status();
    cage_ = std::move(cage).value();
    auto channel = cage_->client().NewChannel();
    ASSERT_TRUE(channel.ok());
    channel_ = std::move(channel).value();
    BuildFixture(cage_->tree());
    Link("/proc", "toproc");
    Link("/proc/self", "toself");
    Link("/proc/12345/status", "tostatus");
    Link("dir/../proc/self", "relative");
    Link("../proc/version", "dir/up");
    Link("sys/kernel", "tokernel");
    Link("toself", "indirect");
    Link("/proc/self", "sticky/planted");
    ASSERT_EQ(::fchownat(cage_->tree(), "sticky/planted", kAlice, kAlice, AT_SYMLINK_NOFOLLOW), 0);
    Link("/proc/7/fd", "volume/link");
    Link("/proc", "private/link");
  }
  void Link(const char* target, const char* path) {
    ASSERT_EQ(::symlinkat(target, cage_->tree(), path), 0) << path;
  }
  std::string Stat(absl::string_view path, int flags = 0) {
    return Words(channel_->Stat(who_, {path, -1, -1}, flags, STATX_BASIC_STATS));
  }

  Credentials who_ = {0, 0, {}, kFileCapabilities, 022};
  std::unique_ptr<TestCage> cage_;
  std::unique_ptr<Channel> channel_;
};

TEST_F(CrossingTest, EveryWayInIsSeen) {
  EXPECT_EQ(Stat("/proc"), "crossing /proc");
  EXPECT_EQ(Stat("proc"), "crossing /proc");
  EXPECT_EQ(Stat("proc/"), "crossing /proc/");
  EXPECT_EQ(Stat("proc/self"), "crossing /proc/self");
  EXPECT_EQ(Stat("proc/self", AT_SYMLINK_NOFOLLOW), "crossing /proc/self");
  EXPECT_EQ(Stat("proc/999/status"), "crossing /proc/999/status");
  EXPECT_EQ(Stat("dir/../proc/self/fd/3"), "crossing /proc/self/fd/3");
  EXPECT_EQ(Stat("../..//proc//self"), "crossing /proc//self");
  EXPECT_EQ(Stat("toproc"), "crossing /proc");
  EXPECT_EQ(Stat("toproc/", AT_SYMLINK_NOFOLLOW), "crossing /proc/");
  EXPECT_EQ(Stat("toproc/self/x"), "crossing /proc/self/x");
  EXPECT_EQ(Stat("tostatus"), "crossing /proc/12345/status");
  EXPECT_EQ(Stat("toself/../1"), "crossing /proc/self/../1");
  EXPECT_EQ(Stat("relative"), "crossing /proc/self");
  EXPECT_EQ(Stat("dir/up"), "crossing /proc/version");
  EXPECT_EQ(Stat("indirect/maps"), "crossing /proc/self/maps");
  EXPECT_EQ(Stat("volume/link/3"), "crossing /proc/7/fd/3");
  EXPECT_EQ(Stat("tokernel"), "crossing /sys/kernel");
  EXPECT_EQ(Stat("dirlink/../sys/x/y"), "crossing /sys/x/y");
}

TEST_F(CrossingTest, EverythingElseIsWhatItWas) {
  EXPECT_EQ(Stat("loop"), "ELOOP");
  EXPECT_EQ(Stat("loop/x"), "ELOOP");
  EXPECT_EQ(Stat("toself", AT_SYMLINK_NOFOLLOW), "ok");
  EXPECT_EQ(Stat("dir/file"), "ok");
  EXPECT_EQ(Stat("missing"), "ENOENT");
  EXPECT_EQ(Stat("volume/missing"), "ENOENT");
  EXPECT_EQ(Stat("dirlink/missing"), "ENOENT");
  EXPECT_EQ(Stat("process"), "ENOENT");
  EXPECT_EQ(Stat("/"), "ok");
  EXPECT_EQ(Stat("proc/.."), "ok");
}

TEST_F(CrossingTest, AlsoFromADirectoryThatIsRemembered) {
  for (int number = 0; number < 5; ++number) {
    EXPECT_EQ(Stat(absl::StrCat("/missing", number)), "ENOENT");
    EXPECT_EQ(Stat(absl::StrCat("missing", number)), "ENOENT");
  }
  EXPECT_TRUE(channel_->Recall(who_, {"/never-asked-for", -1, -1}, Follow::kYes).known);
  EXPECT_FALSE(channel_->Recall(who_, {"/proc", -1, -1}, Follow::kYes).known);
  EXPECT_EQ(Stat("/proc"), "crossing /proc");
  EXPECT_EQ(Stat("proc", AT_SYMLINK_NOFOLLOW), "crossing /proc");
  EXPECT_EQ(Stat("/toproc"), "crossing /proc");
  EXPECT_EQ(Stat("/toproc", AT_SYMLINK_NOFOLLOW), "ok");
}

TEST_F(CrossingTest, FortySymlinksAndNoMore) {
  std::string before = "/proc/self";
  for (int number = 1; number <= 42; ++number) {
    const std::string name = absl::StrCat("chain", number);
    Link(before.c_str(), name.c_str());
    before = name;
  }
  EXPECT_EQ(Stat("chain40"), "crossing /proc/self");
  EXPECT_EQ(Stat("chain41"), "ELOOP");
}

TEST_F(CrossingTest, OtherCallsCrossToo) {
  const auto ref = [](absl::string_view path) { return PathRef{path, -1, -1}; };
  const auto open = [&](absl::string_view path, uint64_t flags, uint64_t resolve = 0) {
    const uint32_t mode = (flags & O_CREAT) != 0 ? 0666 : 0;
    return Words(channel_->Open(who_, ref(path), flags, mode, resolve, nullptr));
  };
  EXPECT_EQ(open("toproc", O_RDONLY), "crossing /proc");
  EXPECT_EQ(open("toproc", O_PATH | O_DIRECTORY), "crossing /proc");
  EXPECT_EQ(open("toproc/new", O_CREAT | O_WRONLY), "crossing /proc/new");
  EXPECT_EQ(open("toself", O_RDONLY | O_NOFOLLOW), "ELOOP");
  EXPECT_EQ(open("toself", O_RDONLY, 4 /* RESOLVE_NO_SYMLINKS */), "ELOOP");
  EXPECT_EQ(open("toself", O_RDONLY, 1 /* RESOLVE_NO_XDEV */), "EXDEV");
  EXPECT_EQ(Words(channel_->OpenForExec(who_, ref("toself/exe"), Follow::kYes)),
            "crossing /proc/self/exe");
  EXPECT_EQ(Words(channel_->Access(who_, ref("tostatus"), R_OK, 0)), "crossing /proc/12345/status");
  EXPECT_EQ(Words(channel_->StatFs(who_, ref("toproc"))), "crossing /proc");
  EXPECT_EQ(std::get<std::string>(channel_->ReadLink(who_, ref("toself"))), "/proc/self");
  EXPECT_EQ(Words(channel_->ReadLink(who_, ref("toproc/self"))), "crossing /proc/self");
  EXPECT_EQ(Words(channel_->Mkdir(who_, ref("toproc/new"), 0777)), "crossing /proc/new");
  EXPECT_EQ(Words(channel_->Unlink(who_, ref("proc/self"), 0)), "crossing /proc/self");
  EXPECT_EQ(Words(channel_->Chmod(who_, ref("toproc"), 0777, 0)), "crossing /proc");
  EXPECT_EQ(Words(channel_->Truncate(who_, ref("toself/comm"), 0)), "crossing /proc/self/comm");
  EXPECT_EQ(Words(channel_->Link(who_, ref("toself/x"), ref("new"), AT_SYMLINK_FOLLOW)),
            "crossing /proc/self/x");
  EXPECT_EQ(Words(channel_->Rename(who_, ref("file"), ref("toproc/x"), 0)), "EXDEV");
}

TEST_F(CrossingTest, WalksAreMadeAsTheCaller) {
  who_ = {1002, 1002, {}, 0, 022};
  EXPECT_EQ(Stat("private/link/self"), "EACCES");
  EXPECT_EQ(Stat("toself/stat"), "crossing /proc/self/stat");
  // proc(5), protected_symlinks: as the machine is set.
  const std::string planted = Stat("sticky/planted");
  EXPECT_TRUE(planted == "EACCES" || planted == "crossing /proc/self") << planted;
}

TEST_F(CrossingTest, ACallersRootIsItsOwn) {
  const Fd jail(::openat(cage_->tree(), "private", O_PATH | O_CLOEXEC));
  Link("/file", "private/absolute");
  const auto inode = [&](absl::string_view path, int base, int root) -> uint64_t {
    auto stat = channel_->Stat(who_, {path, base, root}, 0, STATX_BASIC_STATS);
    const auto* found = std::get_if<struct statx>(&stat);
    return found ? found->stx_ino : 0;
  };
  const uint64_t outer = inode("/file", -1, -1), inner = inode("private/file", -1, -1);
  ASSERT_NE(outer, inner);
  who_ = {1002, 1002, {}, CapabilityBit(CAP_DAC_READ_SEARCH), 022};
  EXPECT_EQ(inode("/file", -1, jail.get()), inner);
  EXPECT_EQ(inode("file", -1, jail.get()), inner);
  EXPECT_EQ(inode("/absolute", -1, jail.get()), inner);
  EXPECT_EQ(inode("../../file", -1, jail.get()), inner);
  EXPECT_EQ(inode("../file", jail.get(), jail.get()), inner);
  EXPECT_EQ(inode("file", cage_->tree(), jail.get()), outer);
  EXPECT_EQ(inode("/file", -1, -1), outer);
  // "link" names /proc of the jail, which there is not.
  EXPECT_EQ(Words(channel_->Stat(who_, {"/link/self", -1, jail.get()}, 0, 0)), "ENOENT");
  EXPECT_EQ(Words(channel_->Stat(who_, {"proc/self", cage_->tree(), jail.get()}, 0, 0)),
            "crossing /proc/self");
}

TEST_F(CrossingTest, ATemporaryFileIsLinkedThroughItsDescriptor) {
  who_ = {kAlice, kAlice, {}, 0, 022};
  auto opened = channel_->Open(who_, {"empty", -1, -1}, O_TMPFILE | O_RDWR, 0600, 0, nullptr);
  ASSERT_EQ(Words(opened), "ok");
  const PathRef file = {"", std::get<Opened>(opened).fd.get(), -1};
  who_.umask = 077;  // new credentials in the gofer: not those that opened the file
  EXPECT_EQ(Words(channel_->Link(who_, file, {"groupdir/new", -1, -1}, AT_EMPTY_PATH)), "EACCES");
  EXPECT_EQ(Words(channel_->Link(who_, file, {"readonly/new", -1, -1}, AT_EMPTY_PATH)), "EACCES");
  EXPECT_EQ(Words(channel_->Link(who_, file, {"missing/new", -1, -1}, AT_EMPTY_PATH)), "ENOENT");
  EXPECT_EQ(Words(channel_->Link(who_, file, {"empty/new", -1, -1}, AT_EMPTY_PATH)), "ok");
  EXPECT_EQ(Words(channel_->Link(who_, file, {"empty/new", -1, -1}, AT_EMPTY_PATH)), "EEXIST");
  EXPECT_EQ(Stat("empty/new"), "ok");
}

}  // namespace
}  // namespace moat::gofer
