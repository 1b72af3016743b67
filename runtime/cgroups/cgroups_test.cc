#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cgroups/device_program.h"
#include "runtime/cgroups/group_paths.h"
#include "runtime/cgroups/hierarchy.h"
#include "runtime/cgroups/resource_writes.h"
#include "runtime/cgroups/sub_groups.h"
#include "runtime/cgroups/systemd_scope.h"

namespace moat::cgroups {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

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
  EXPECT_FALSE(WorkloadPath("", "c1.moat").ok());
}
TEST(WorkloadPathTest, TakesSystemdsForm) {
  EXPECT_EQ(WorkloadPath("system.slice:docker:c1", "x").value(), "/system.slice/docker-c1.scope");
  EXPECT_EQ(WorkloadPath("kube-pods-p1.slice:cri:c1", "x").value(),
            "/kube.slice/kube-pods.slice/kube-pods-p1.slice/cri-c1.scope");
  EXPECT_EQ(WorkloadPath(":moat:c1", "x").value(), "/system.slice/moat-c1.scope");
  EXPECT_EQ(WorkloadPath("-.slice::c1", "x").value(), "/c1.scope");
  for (const char* bad : {"a:b:c", "a.slice:b:", "../a.slice:b:c", "a--b.slice:x:y"}) {
    EXPECT_FALSE(WorkloadPath(bad, "x").ok()) << bad;
  }
}

TEST(ScopeNameTest, ReadsSliceAndName) {
  const auto name = ScopeNameOf("kube-pods.slice:cri:c1", "x", Manager::kSystemd);
  EXPECT_EQ(name.value().slice, "kube-pods.slice");
  EXPECT_EQ(name.value().unit, "cri-c1.scope");
  EXPECT_EQ(ScopeNameOf("::c1", "x", Manager::kSystemd).value().unit, "c1.scope");
}
TEST(ScopeNameTest, DefaultsToMoatInTheManagersSlice) {
  EXPECT_EQ(ScopeNameOf("", "c1", Manager::kSystemd).value().slice, "system.slice");
  EXPECT_EQ(ScopeNameOf("", "c1", Manager::kUserSystemd).value().slice, "user.slice");
  EXPECT_EQ(ScopeNameOf("", "c1", Manager::kSystemd).value().unit, "moat-c1.scope");
}
TEST(ScopeNameTest, RefusesWhatSystemdHasNoUnitFor) {
  const std::string long_name = "::" + std::string(300, 'x');
  for (const std::string& bad :
       {std::string("/a/b"), std::string("a:b:c"), std::string("::"), std::string("::a.slice"),
        std::string("::a/b"), std::string("::a b"), std::string("a:b:c:d"), long_name}) {
    EXPECT_FALSE(ScopeNameOf(bad, "x", Manager::kSystemd).ok()) << bad;
  }
}
TEST(ScopeUnitTest, IsKnownByTheGroupBelow) {
  EXPECT_EQ(ScopeUnitOf({"/sys/fs/cgroup/system.slice/moat-c1.scope/container",
                         "/sys/fs/cgroup/system.slice/moat-c1.scope/container.moat"}),
            "moat-c1.scope");
  EXPECT_EQ(ScopeUnitOf({"/sys/fs/cgroup/system.slice/moat-c1.scope"}), "");
  EXPECT_EQ(ScopeUnitOf({"/sys/fs/cgroup/moat/container"}), "");
}
TEST(ScopePropertiesTest, AreWhatCountsAmongSiblings) {
  spec::Resources resources;
  EXPECT_THAT(ScopeProperties(resources), IsEmpty());
  resources.cpu.emplace().shares = 262144;
  resources.memory.emplace().limit = 1 << 20;
  resources.memory->reservation = 4096;
  resources.block_io.emplace().weight = 10;
  EXPECT_THAT(ScopeProperties(resources),
              ElementsAre("CPUWeight=10000", "MemoryLow=4096", "IOWeight=1"));
}

TEST(SubGroupsTest, OnePathIsForAllControllers) {
  EXPECT_THAT(ParseSubGroups({"/a//./b/"}).value(), ElementsAre(Pair("", "/a/b")));
  const auto directories =
      SubGroupDirectories({"/sys/fs/cgroup/memory/moat/c1", "/sys/fs/cgroup/unified/moat/c1"},
                          ParseLayout(kHybrid), {{"", "/a"}});
  EXPECT_THAT(directories.value(),
              ElementsAre("/sys/fs/cgroup/memory/moat/c1/a", "/sys/fs/cgroup/unified/moat/c1/a"));
}
TEST(SubGroupsTest, OthersStayWhereTheContainerIs) {
  EXPECT_THAT(ParseSubGroups({"memory,cpu:a", "name=systemd:b"}).value(),
              ElementsAre(Pair("cpu", "/a"), Pair("memory", "/a"), Pair("name=systemd", "/b")));
  const auto directories =
      SubGroupDirectories({"/sys/fs/cgroup/memory/moat/c1", "/sys/fs/cgroup/unified/moat/c1"},
                          ParseLayout(kHybrid), {{"memory", "/a"}});
  EXPECT_THAT(directories.value(),
              ElementsAre("/sys/fs/cgroup/memory/moat/c1/a", "/sys/fs/cgroup/unified/moat/c1"));
}
TEST(SubGroupsTest, RefusesWhatIsNotBelow) {
  EXPECT_FALSE(ParseSubGroups({"a/../.."}).ok());
  EXPECT_FALSE(ParseSubGroups({":a"}).ok());
  EXPECT_FALSE(ParseSubGroups({"a", "b"}).ok());
  EXPECT_FALSE(ParseSubGroups({"memory:a", "cpu,memory:b"}).ok());
  EXPECT_FALSE(
      SubGroupDirectories({"/sys/fs/cgroup/memory/c1"}, ParseLayout(kHybrid), {{"cpu", "/a"}})
          .ok());
  EXPECT_FALSE(SubGroupDirectories({}, ParseLayout(kHybrid), {{"", "/a"}}).ok());
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

std::vector<std::string> Written(const spec::Resources& resources, const Layout& layout) {
  const auto writes = PlanWrites(resources, layout);
  if (!writes.ok()) return {std::string(writes.status().message())};
  std::vector<std::string> texts;
  for (const ControlWrite& write : *writes) texts.push_back(write.file + "=" + write.value);
  return texts;
}

TEST(PlanWritesTest, BlockIo) {
  spec::Resources resources;
  resources.block_io.emplace();
  resources.block_io->weight = 500;
  resources.block_io->weight_device = {{8, 0, 100, {}}};
  resources.block_io->throttle_read_bps_device = {{8, 0, 1048576}};
  resources.block_io->throttle_write_iops_device = {{8, 16, 0}};
  EXPECT_THAT(Written(resources, {{{"/b", {"blkio"}, false}}}),
              ElementsAre("blkio.weight=500", "blkio.weight_device=8:0 100",
                          "blkio.throttle.read_bps_device=8:0 1048576",
                          "blkio.throttle.write_iops_device=8:16 0"));
  const Layout v2 = {{{"/u", {"io"}, true}}};
  EXPECT_THAT(Written(resources, v2),
              ElementsAre("io.bfq.weight=500", "io.bfq.weight=8:0 100", "io.max=8:0 rbps=1048576",
                          "io.max=8:16 wiops=max"));
  EXPECT_EQ(PlanWrites(resources, v2)->front().other_file, "io.weight");
}

TEST(PlanWritesTest, Hugepages) {
  spec::Resources resources;
  resources.hugepage_limits = {{"2MB", 4194304}};
  EXPECT_THAT(Written(resources, {{{"/u", {"hugetlb"}, true}}}),
              ElementsAre("hugetlb.2MB.rsvd.max=4194304", "hugetlb.2MB.max=4194304"));
  resources.hugepage_limits = {{"../x", 1}};
  EXPECT_THAT(Written(resources, {{{"/u", {"hugetlb"}, true}}}).front(),
              testing::HasSubstr("linux.resources.hugepageLimits[0].pageSize"));
}

TEST(PlanWritesTest, NetworkAndRdma) {
  spec::Resources resources;
  resources.network.emplace();
  resources.network->class_id = 0x100001;
  resources.network->priorities = {{"eth0", 5}};
  resources.rdma = {{"mlx5_1", {3, 10000}}};
  const Layout v1 = {{{"/n", {"net_cls", "net_prio"}, false}, {"/r", {"rdma"}, false}}};
  EXPECT_THAT(Written(resources, v1),
              ElementsAre("net_cls.classid=1048577", "net_prio.ifpriomap=eth0 5",
                          "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"));
  EXPECT_THAT(Written(resources, Unified()).front(),
              testing::HasSubstr("linux.resources.network.classID: this host has no net_cls"));
}

// eBPF as far as CompileDeviceRules goes.
bool Allowed(const std::vector<spec::DeviceRule>& rules, uint32_t type, uint32_t access,
             uint32_t major, uint32_t minor) {
  const std::vector<bpf_insn> program = CompileDeviceRules(rules);
  const bpf_cgroup_dev_ctx context = {(access << 16) | type, major, minor};
  uint64_t registers[11] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& step = program[at];
    uint64_t& to = registers[step.dst_reg];
    switch (step.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = step.off == 0 ? context.access_type : step.off == 4 ? context.major : context.minor;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        to = registers[step.src_reg];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = static_cast<uint64_t>(int64_t{step.imm});
        break;
      case BPF_ALU64 | BPF_AND | BPF_K:
        to &= static_cast<uint64_t>(int64_t{step.imm});
        break;
      case BPF_ALU64 | BPF_RSH | BPF_K:
        to >>= step.imm;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        if (to != static_cast<uint64_t>(int64_t{step.imm})) at += static_cast<size_t>(step.off);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        if (to == static_cast<uint64_t>(int64_t{step.imm})) at += static_cast<size_t>(step.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return registers[0] == 1;
      default:
        ADD_FAILURE() << "unexpected instruction " << int{step.code};
        return false;
    }
  }
  ADD_FAILURE() << "fell off the end";
  return false;
}

TEST(DeviceProgramTest, TheLastRuleCounts) {
  constexpr uint32_t kChar = BPF_DEVCG_DEV_CHAR, kBlock = BPF_DEVCG_DEV_BLOCK;
  constexpr uint32_t kMake = BPF_DEVCG_ACC_MKNOD, kRead = BPF_DEVCG_ACC_READ;
  constexpr uint32_t kWrite = BPF_DEVCG_ACC_WRITE;
  spec::Resources resources;
  resources.devices = {{.allow = false, .type = 'a', .access = "rwm"},
                       {.allow = true, .type = 'c', .major = 10, .minor = 200, .access = "r"},
                       {.allow = true, .type = 'c', .major = 10, .minor = 200, .access = "w"},
                       {.allow = true, .type = 'b', .major = 8, .minor = -1, .access = "rw"},
                       {.allow = false, .type = 'b', .major = 8, .minor = 1, .access = "w"}};
  const auto rules = DeviceRules(&resources);
  EXPECT_TRUE(Allowed(rules, kChar, kRead | kWrite, 1, 3));
  EXPECT_TRUE(Allowed(rules, kChar, kRead | kWrite, 10, 200));
  EXPECT_FALSE(Allowed(rules, kChar, kRead, 10, 201));
  EXPECT_FALSE(Allowed(rules, kBlock, kRead, 10, 200));
  EXPECT_TRUE(Allowed(rules, kChar, kMake, 10, 201));
  EXPECT_TRUE(Allowed(rules, kBlock, kRead | kWrite, 8, 0));
  EXPECT_TRUE(Allowed(rules, kBlock, kRead, 8, 1));
  EXPECT_FALSE(Allowed(rules, kBlock, kRead | kWrite, 8, 1));
  EXPECT_FALSE(Allowed(rules, kBlock, kRead, 9, 0));
  resources.devices = {{.allow = true, .type = 'a', .access = "rwm"}};
  EXPECT_TRUE(Allowed(DeviceRules(&resources), kBlock, kRead | kWrite, 9, 0));
  EXPECT_FALSE(Allowed(DeviceRules(nullptr), kBlock, kRead, 9, 0));
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

TEST(Supervisors, AreBoundByWhatLimitsCpus) {
  const auto binds = [](const char* controller, const char* file) {
    return BindsSupervisors({.controller = controller, .file = file});
  };
  EXPECT_TRUE(binds("cpu", "cpu.cfs_quota_us"));
  EXPECT_TRUE(binds("cpu", "cpu.max"));
  EXPECT_TRUE(binds("cpuset", "cpuset.cpus"));
  EXPECT_FALSE(binds("cpu", "cpu.rt_runtime_us"));
  EXPECT_FALSE(binds("cpuset", "cpuset.cpus.partition"));
  EXPECT_FALSE(binds("memory", "memory.max"));
}

}  // namespace
}  // namespace moat::cgroups
