#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "base/read_file.h"
#include "runtime/hostview/accounts.h"
#include "runtime/hostview/hidden_files.h"
#include "runtime/hostview/keep_changes.h"
#include "runtime/hostview/sub_ids.h"
#include "runtime/hostview/working_directory.h"

namespace moat::hostview {
namespace {

using testing::ElementsAre;

class TreeTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/moat-view-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void File(const std::string& path, mode_t mode, const std::string& text = "x") {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path) << text;
    ASSERT_EQ(::chmod((root_ + "/" + path).c_str(), mode), 0);
  }

  std::string root_;
};

using HiddenFilesTest = TreeTest;
using AccountsTest = TreeTest;
using KeepTest = TreeTest;

TEST_F(HiddenFilesTest, HidesWhatOthersCannotReadAndWhatHoldsKeys) {
  File("passwd", 0644);
  File("shadow", 0644);  // by name, whatever its mode
  File("shadow-", 0600);
  File("app/token", 0640);
  File("app/config", 0644);
  File("secret.d/key", 0644);
  ASSERT_EQ(::chmod((root_ + "/secret.d").c_str(), 0711), 0);
  File("ssh/ssh_host_ed25519_key", 0644);
  File("ssh/ssh_host_ed25519_key.pub", 0644);
  File("ssl/private/host.key", 0644);
  File("ssl/certs/ca.pem", 0644);
  ASSERT_EQ(::symlink("/etc/shadow", (root_ + "/link").c_str()), 0);
  const auto hidden = HiddenFiles(root_);
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_THAT(*hidden, ElementsAre("app/token", "secret.d", "shadow", "shadow-",
                                   "ssh/ssh_host_ed25519_key", "ssl/private"));
}

TEST(WorkingDirectory, IsNoWayToShowWhatIsHidden) {
  const std::vector<std::string> homes = {"/root", "/home/ann", "/"};
  for (const char* hidden :
       {"/", "/root", "/home", "/home/ann", "/tmp", "/var", "/var/lib", "/var/lib/mysql", "/run",
        "/run/user/0", "/proc/1", "/sys", "/dev/shm", "/home/ann/.ssh", "/work/.aws/x", "/boot"}) {
    EXPECT_EQ(DecideWorkingDirectory(hidden, homes).showing, Showing::kNotShown) << hidden;
    EXPECT_NE(DecideWorkingDirectory(hidden, homes).reason, "") << hidden;
  }
  for (const char* system : {"/etc", "/etc/ssl/private", "/usr/src/x", "/opt", "/lib"}) {
    EXPECT_EQ(DecideWorkingDirectory(system, homes).showing, Showing::kPartOfSystem) << system;
  }
  for (const char* shown :
       {"/home/ann/project", "/root/x", "/tmp/x", "/work", "/srv/www", "/var/www", "/etcetera"}) {
    EXPECT_EQ(DecideWorkingDirectory(shown, homes).showing, Showing::kBind) << shown;
  }
}

TEST_F(AccountsTest, FindsUsersByNameAndNumber) {
  const AccountFiles files = {
      "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n"
      "7:x:2000:2000::/home/seven:/bin/sh\nbroken:x:1\n",
      "root:x:0:\nann:x:1001:\nvideo:x:44:bob,ann\n"};
  const auto ann = FindAccount(files, "ann");
  ASSERT_TRUE(ann.ok()) << ann.status();
  EXPECT_EQ(ann->uid, 1000u);
  EXPECT_EQ(ann->gid, 1001u);
  EXPECT_EQ(ann->home, "/home/ann");
  EXPECT_THAT(ann->additional_gids, ElementsAre(44u));
  EXPECT_EQ(FindAccount(files, "1000")->name, "ann");
  EXPECT_EQ(FindAccount(files, "1000:video")->gid, 44u);
  EXPECT_EQ(FindAccount(files, "ann:7")->gid, 7u);
  EXPECT_TRUE(FindAccount(files, "ann:7")->additional_gids.empty());
  EXPECT_EQ(FindAccount(files, "7")->uid, 2000u) << "a name wins over a number";
  EXPECT_EQ(FindAccount(files, "4000")->uid, 4000u);
  EXPECT_EQ(FindAccount(files, "4000")->home, "/");
  EXPECT_THAT(HomeDirectories(files), ElementsAre("/root", "/home/ann", "/home/seven"));
}

TEST_F(AccountsTest, RefusesWhatOnlyLooksLikeAnId) {
  const AccountFiles files = {"root:x:0:0:root:/root:/bin/sh\n", ""};
  for (const char* user : {"", ":", "1:", ":1", "+1", "-1", "0x0", "1:2:3", " 0", "0 ",
                           "4294967295", "4294967296", "99999999999999999999", "broken"}) {
    EXPECT_FALSE(FindAccount(files, user).ok()) << user;
  }
}

TEST_F(AccountsTest, SymlinksStayInTheRoot) {
  File("real/passwd", 0644, "in:x:5:5::/:/bin/sh\n");
  std::filesystem::create_directories(root_ + "/etc");
  ASSERT_EQ(::symlink("/real/passwd", (root_ + "/etc/passwd").c_str()), 0);
  const auto files = ReadAccountFiles(root_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(FindAccount(*files, "in").ok());
  EXPECT_EQ(files->group, "");
}

TEST_F(KeepTest, CopiesFilesWithoutTheirDangers) {
  File("upper/bin/tool", 04755, "#!/bin/sh\n");
  File("upper/plain", 0640, "text");
  ASSERT_EQ(::symlink("/etc/shadow", (root_ + "/upper/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((root_ + "/upper/pipe").c_str(), 0600), 0);
  const std::string keep = root_ + "/keep";
  const auto directory = PrepareKeepDirectory(keep);
  ASSERT_TRUE(directory.ok()) << directory.status();
  const Fd upper(::open((root_ + "/upper").c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(KeepChanges(directory->get(), {{"/usr", upper.get(), {}}}).ok());
  struct stat status;
  ASSERT_EQ(::stat((keep + "/usr/bin/tool").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  EXPECT_EQ(*ReadFile(keep + "/usr/plain", 100), "text");
  EXPECT_EQ(std::filesystem::read_symlink(keep + "/usr/link"), "/etc/shadow");
  EXPECT_FALSE(std::filesystem::exists(keep + "/usr/pipe"));
  EXPECT_FALSE(PrepareKeepDirectory(keep).ok()) << "not empty any more";
}

TEST_F(KeepTest, ListsWhatWasDeleted) {
  std::filesystem::create_directories(root_ + "/upper");
  for (const char* name : {"gone", "shadow"}) {
    if (::mknod((root_ + "/upper/" + name).c_str(), S_IFCHR, 0) < 0) {
      GTEST_SKIP() << "whiteouts need CAP_MKNOD before Linux 5.8";
    }
  }
  const auto directory = PrepareKeepDirectory(root_ + "/keep");
  ASSERT_TRUE(directory.ok());
  const Fd upper(::open((root_ + "/upper").c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(KeepChanges(directory->get(), {{"/etc", upper.get(), {"shadow"}}}).ok());
  EXPECT_EQ(*ReadFile(root_ + "/keep/.moat-deleted", 100), "/etc/gone\n");
}

TEST(SubIds, AreThoseOfTheNameAndOfTheNumber) {
  const char* const text =
      "eve:100000:65536\nbob:200000:10\n1000:300000:5\nbob:1:0\nbad\nbob:x:1\n";
  const auto ranges = FindSubIds(text, "bob", 1000);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].first, 200000U);
  EXPECT_EQ(ranges[1].first, 300000U);
  EXPECT_TRUE(FindSubIds(text, "", 7).empty());
}

TEST(SubIds, FollowTheCallersOwn) {
  EXPECT_THAT(MapArguments(1000, {{200000, 10}, {300000, 5}}),
              testing::ElementsAre("0", "1000", "1", "1", "200000", "10", "11", "300000", "5"));
  EXPECT_THAT(MapArguments(1000, {{1, UINT32_MAX}}), testing::ElementsAre("0", "1000", "1"));
}

}  // namespace
}  // namespace moat::hostview
