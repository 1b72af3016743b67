#include "sentry/task/status_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read_file.h"

namespace moat::sentry {
namespace {

TEST(ParseStatus, ReadsTheKernelsOwn) {
  const auto text = ReadFile("/proc/thread-self/status", 1 << 20);
  ASSERT_TRUE(text.ok());
  const auto status = ParseStatus(*text);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->task.tid, ::gettid());
  EXPECT_EQ(status->task.tgid, ::getpid());
  EXPECT_EQ(status->task.uid.fs, ::geteuid());
  EXPECT_EQ(status->task.gid.real, ::getgid());
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(status->task.umask, mask);
}

TEST(ParseStatus, TakesTheInnermostNumber) {
  const auto status = ParseStatus(
      "Umask:\t0027\nTgid:\t70\nPid:\t71\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n"
      "NStgid:\t70\t6\nNSpid:\t71\t7\nSigPnd:\t0000000000000001\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:"
      "\t0\n"
      "CapPrm:\t00000000a80425fb\nCapEff:\t0000000000000001\n");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->task.vtid, 7);
  EXPECT_EQ(status->task.vtgid, 6);
  EXPECT_EQ(status->task.uid.fs, 4u);
  EXPECT_EQ(status->task.gid.saved, 7u);
  EXPECT_EQ(status->task.groups, (std::vector<uint32_t>{9, 10}));
  EXPECT_EQ(status->task.umask, 027u);
  EXPECT_EQ(status->task.cap_permitted, 0xa80425fbu);
  EXPECT_TRUE(status->signals.Deliverable());
}

TEST(ParseStatus, RefusesWhatIsMissingOrMalformed) {
  EXPECT_FALSE(ParseStatus("").has_value());
  EXPECT_FALSE(ParseStatus("Pid:\tx\n").has_value());
}

}  // namespace
}  // namespace moat::sentry
