#include "sentry/proc/access.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

namespace moat::sentry {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

TaskInfo TaskOf(pid_t tgid, uint32_t uid, uint64_t capabilities = 0) {
  TaskInfo task;
  task.vtid = task.vtgid = tgid;
  task.uid = task.gid = {uid, uid, uid, uid};
  task.cap_permitted = task.cap_effective = capabilities;
  return task;
}

TEST(Permits, PicksTheClassOfTheRequester) {
  const Permissions file{.uid = 1, .gid = 2, .mode = 0640};
  EXPECT_TRUE(Permits({.uid = 1, .gid = 9}, file, R_OK | W_OK));
  EXPECT_TRUE(Permits({.uid = 3, .gid = 2}, file, R_OK));
  EXPECT_FALSE(Permits({.uid = 3, .gid = 2}, file, W_OK));
  EXPECT_TRUE(Permits({.uid = 3, .gid = 9, .groups = {2}}, file, R_OK));
  EXPECT_FALSE(Permits({.uid = 3, .gid = 9}, file, R_OK));
}

TEST(Permits, OwnerIsNotHelpedByOthersBits) {
  EXPECT_FALSE(Permits({.uid = 1, .gid = 1}, {.uid = 1, .gid = 1, .mode = 0044}, R_OK));
}

TEST(Permits, CapabilitiesOverride) {
  const Permissions secret{.uid = 1, .gid = 1, .mode = 0400};
  EXPECT_TRUE(Permits({.uid = 0, .capabilities = Bit(CAP_DAC_OVERRIDE)}, secret, R_OK | W_OK));
  EXPECT_FALSE(Permits({.uid = 0, .capabilities = Bit(CAP_DAC_OVERRIDE)}, secret, X_OK));
  EXPECT_TRUE(Permits({.uid = 0, .capabilities = Bit(CAP_DAC_READ_SEARCH)}, secret, R_OK));
  EXPECT_FALSE(Permits({.uid = 0, .capabilities = Bit(CAP_DAC_READ_SEARCH)}, secret, W_OK));
  EXPECT_FALSE(Permits({.uid = 0}, secret, R_OK)) << "root without capabilities is nobody special";
}

TEST(MayTrace, OwnProcessAlways) {
  EXPECT_TRUE(MayTrace(TaskOf(1, 1000), TaskOf(1, 0, ~uint64_t{0}), false));
}

TEST(MayTrace, SameUserUnlessUndumpableOrMorePrivileged) {
  EXPECT_TRUE(MayTrace(TaskOf(1, 1000), TaskOf(2, 1000), true));
  EXPECT_FALSE(MayTrace(TaskOf(1, 1000), TaskOf(2, 1000), false));
  EXPECT_FALSE(MayTrace(TaskOf(1, 1000), TaskOf(2, 1000, Bit(CAP_CHOWN)), true));
  EXPECT_FALSE(MayTrace(TaskOf(1, 1000), TaskOf(2, 1001), true));
}

TEST(MayTrace, RootNeedsTheCapabilityForOthers) {
  EXPECT_FALSE(MayTrace(TaskOf(1, 0, Bit(CAP_DAC_OVERRIDE)), TaskOf(2, 1000), true));
  EXPECT_TRUE(MayTrace(TaskOf(1, 0, Bit(CAP_SYS_PTRACE)), TaskOf(2, 1000), false));
}

}  // namespace
}  // namespace moat::sentry
