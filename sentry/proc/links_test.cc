#include "sentry/proc/links.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace moat::sentry {
namespace {

class LinksTest : public ::testing::Test {
 protected:
  LinksTest() {
    std::filesystem::create_directory(path_);
    directory_.Reset(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~LinksTest() override { std::filesystem::remove_all(path_); }

  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / absl::StrCat("moat-links-", getpid());
  Fd directory_;
};

TEST_F(LinksTest, AnOpenedLinkHasTheIdentityThatWasTold) {
  Links links(directory_.get(), directory_.get());
  const struct stat told = links.Attributes("/proc/1/exe").value();
  const Fd link = links.Open("/proc/1/exe").value();
  struct stat opened;
  ASSERT_EQ(fstat(link.get(), &opened), 0);
  EXPECT_TRUE(S_ISLNK(opened.st_mode));
  EXPECT_EQ(opened.st_ino, told.st_ino);
  EXPECT_NE(links.Attributes("/proc/1/cwd").value().st_ino, told.st_ino);
}

TEST_F(LinksTest, OnlyItsOwnAreKnown) {
  Links links(directory_.get(), directory_.get());
  EXPECT_EQ(links.PathOf(links.Open("/proc/1/exe").value()), "/proc/1/exe");
  EXPECT_EQ(links.PathOf(directory_), std::nullopt);
  EXPECT_EQ(links.PathOf(Fd(open("/proc/self/exe", O_PATH | O_NOFOLLOW | O_CLOEXEC))),
            std::nullopt);
  EXPECT_EQ(links.PathOf(Fd()), std::nullopt);
}

TEST_F(LinksTest, ForgottenOnesAreStillKnownByTheirDescriptor) {
  Links links(directory_.get(), directory_.get());
  const Fd old = links.Open("/proc/1/exe").value();
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(links.Attributes(absl::StrCat("/proc/1/fd/", i)).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 4096);
  EXPECT_EQ(links.PathOf(old), "/proc/1/exe");
}

}  // namespace
}  // namespace moat::sentry
