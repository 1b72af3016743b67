#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cgroups/group_paths.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/cgroups/resource_writes.h"

namespace moat::cgroups {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kHybrid[] =
    "30 24 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "31 24 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "32 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

Layout Unified() { return {{{"/sys/fs/cgroup", {"cpu", "memory", "pids"}, true}}}; }

TEST(LayoutTest, ReadsAHybridHost) {
  const Layout layout = ParseLayout(kHybrid);
  ASSERT_EQ(layout.hierarchies.size(), 4u);
  EXPECT_THAT(layout.hierarchies[2].controllers, ElementsAre("name=systemd"));
  EXPECT_EQ(layout.Find("cpuacct")->mount, "/sys/fs/cgroup/cpu");
  EXPECT_EQ(layout.Find("pids"), nullptr);
  EXPECT_FALSE(layout.unified());
}

TEST(WorkloadPathTest, DefaultsToMoat) { EXPECT_EQ(WorkloadPath("", "c1").value(), "/moat/c1"); }
TEST(WorkloadPathTest, CleansAnAbsolutePath) {
  EXPECT_EQ(WorkloadPath("/a//./b/", "c1").value(), "/a/b");
}
TEST(WorkloadPathTest, PutsARelativePathBelowMoat) {
  EXPECT_EQ(WorkloadPath("a/b", "c1").value(), "/moat/a/b");
}
TEST(WorkloadPathTest, RefusesWhatLeadsElsewhere) {
  EXPECT_FALSE(WorkloadPath("/a/../../b", "c1").ok());
  EXPECT_FALSE(WorkloadPath("/", "c1").ok());
  EXPECT_FALSE(WorkloadPath("system.slice:moat:c1", "c1").ok());
  EXPECT_FALSE(WorkloadPath("", "c1.moat").ok());
}

TEST(PlanWritesTest, CountsSwapAloneOnV2) {
  spec::Resources resources;
  resources.memory.emplace();
  resources.memory->limit = 100;
  resources.memory->swap = 150;
  const auto writes = PlanWrites(resources, Unified()).value();
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_EQ(writes[0].file + "=" + writes[0].value, "memory.max=100");
  EXPECT_EQ(writes[1].file + "=" + writes[1].value, "memory.swap.max=50");
}

TEST(PlanWritesTest, JoinsQuotaAndPeriodOnV2) {
  spec::Resources resources;
  resources.cpu.emplace();
  resources.cpu->quota = 50000;
  const auto writes = PlanWrites(resources, Unified()).value();
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].value, "50000 100000");
}

TEST(PlanWritesTest, NamesWhatTheHostLacks) {
  spec::Resources resources;
  resources.cpu.emplace();
  resources.cpu->cpus = "0";
  const absl::Status status = PlanWrites(resources, Unified()).status();
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("linux.resources.cpu.cpus"));
}

TEST(DevicesTest, DeniesEverythingFirst) {
  const auto writes = PlanDeviceWrites(nullptr);
  EXPECT_EQ(writes.front().file, "devices.deny");
  EXPECT_EQ(writes.front().value, "a");
}

TEST(DevicesTest, CannotDenyOneDeviceWithoutController) {
  spec::Resources resources;
  resources.devices = {{.allow = false, .type = 'a', .access = "rwm"}};
  EXPECT_TRUE(CheckDevicesWithoutController(resources).ok());
  resources.devices.push_back({.allow = false, .type = 'c', .major = 1, .minor = 3});
  EXPECT_FALSE(CheckDevicesWithoutController(resources).ok());
}

TEST(WeightTest, MapsTheEnds) {
  EXPECT_EQ(WeightOfShares(2), 1u);
  EXPECT_EQ(WeightOfShares(262144), 10000u);
}

TEST(PathsTest, KnowsParents) {
  EXPECT_TRUE(IsParentOfAny("/m/moat", {"/m/moat", "/m/moat/c"}));
  EXPECT_FALSE(IsParentOfAny("/m/moat/c", {"/m/moat/c", "/m/moat/c.moat"}));
}

}  // namespace
}  // namespace moat::cgroups
