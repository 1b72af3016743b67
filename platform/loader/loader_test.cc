// The parts of the stub that can be asked without being one: the plan's strings and the placing of
// ELF segments.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "platform/loader/elf_layout.h"
#include "platform/loader/plan_strings.h"

namespace moat::loader {
namespace {

Plan ScriptPlan(absl::string_view exec_name, const std::vector<std::string>& prefix) {
  Plan plan = {};
  plan.version = kPlanVersion;
  plan.kind = PlanKind::kScript;
  plan.fd = -1;
  std::string strings(exec_name);
  if (!exec_name.empty()) strings.push_back('\0');
  plan.exec_name_size = static_cast<uint32_t>(strings.size());
  for (const std::string& one : prefix) strings.append(one.c_str(), one.size() + 1);
  plan.prefix_count = static_cast<uint32_t>(prefix.size());
  plan.strings_size = static_cast<uint32_t>(strings.size());
  std::memcpy(plan.strings, strings.data(), strings.size());
  return plan;
}

TEST(PlanStrings, TakesThePrefixApart) {
  const Plan plan = ScriptPlan("/x/run", {"/bin/sh", "", "-e", "/x/run"});
  ASSERT_TRUE(WellFormed(plan));
  const char* prefix[4];
  SplitPrefix(plan, prefix);
  EXPECT_STREQ(prefix[0], "/bin/sh");
  EXPECT_STREQ(prefix[1], "");
  EXPECT_STREQ(prefix[2], "-e");
  EXPECT_STREQ(prefix[3], "/x/run");
}

TEST(PlanStrings, RefusesAPlanThatContradictsItself) {
  const auto refused = [](auto change) {
    Plan plan = ScriptPlan("/x", {"/bin/sh", "a"});
    change(plan);
    return !WellFormed(plan);
  };
  EXPECT_FALSE(refused([](Plan&) {}));
  EXPECT_TRUE(refused([](Plan& p) { p.version = 2; }));
  EXPECT_TRUE(refused([](Plan& p) { p.fd = 3; }));
  EXPECT_TRUE(refused([](Plan& p) { p.kind = static_cast<PlanKind>(9); }));
  EXPECT_TRUE(refused([](Plan& p) { p.prefix_count = 0; }));
  EXPECT_TRUE(refused([](Plan& p) { p.prefix_count = 3; }));
  EXPECT_TRUE(refused([](Plan& p) { p.prefix_count = kMaxPrefix + 1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.strings_size = kMaxStrings + 1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.exec_name_size = p.strings_size + 1; }));
  EXPECT_TRUE(refused([](Plan& p) { p.exec_name_size = 2; }));
  EXPECT_TRUE(refused([](Plan& p) { p.strings_size -= 1; }));
  EXPECT_TRUE(refused([](Plan& p) { std::memset(p.comm, 'x', sizeof(p.comm)); }));
}

Plan JoinPlan(const std::vector<std::string>& strings) {
  Plan plan = ScriptPlan("", strings);
  plan.kind = PlanKind::kJoin;
  plan.fd = -1;
  return plan;
}

TEST(PlanStrings, AJoinHasADirectoryAndAsManyNamesAsFit) {
  std::vector<std::string> strings = {"/home"};
  for (int i = 0; i < 100; ++i) strings.push_back("/usr/bin/" + std::to_string(i));
  const Plan plan = JoinPlan(strings);
  ASSERT_TRUE(WellFormed(plan));
  const char* text = plan.strings;
  for (const std::string& one : strings) {
    EXPECT_EQ(text, one);
    text = NextString(text);
  }
}

TEST(PlanStrings, RefusesAJoinWithoutAProgramOrWithADescriptor) {
  EXPECT_FALSE(WellFormed(JoinPlan({"/home"})));
  Plan plan = JoinPlan({"/home", "/bin/sh"});
  EXPECT_TRUE(WellFormed(plan));
  plan.fd = 3;
  EXPECT_FALSE(WellFormed(plan));
}

Elf64_Phdr Load(uint64_t address, uint64_t offset, uint64_t file_size, uint64_t memory_size,
                uint64_t align = kPage) {
  Elf64_Phdr segment = {};
  segment.p_type = PT_LOAD;
  segment.p_vaddr = address;
  segment.p_offset = offset;
  segment.p_filesz = file_size;
  segment.p_memsz = memory_size;
  segment.p_align = align;
  return segment;
}

TEST(ElfLayout, CoversAllSegments) {
  const Elf64_Phdr segments[] = {Load(0x1000, 0, 0x800, 0x800),
                                 Load(0x3e10, 0x2e10, 0x300, 0x5000)};
  const Extent extent = ExtentOf(segments, 2);
  EXPECT_EQ(extent.begin, 0x1000u);
  EXPECT_EQ(extent.end, 0x9000u);
  EXPECT_EQ(extent.align, kPage);
}

TEST(ElfLayout, TakesTheLargestAlignmentThatIsAPowerOfTwo) {
  const Elf64_Phdr segments[] = {Load(0, 0, 1, 1, 0x200000), Load(0x200000, 0, 1, 1, 0x300000)};
  EXPECT_EQ(ExtentOf(segments, 2).align, 0x200000u);
}

TEST(ElfLayout, RefusesNonsense) {
  const auto refused = [](const Elf64_Phdr& segment) { return ExtentOf(&segment, 1).end == 0; };
  EXPECT_FALSE(refused(Load(0, 0, 1, 1)));
  EXPECT_TRUE(refused(Load(0, 0, 0, 0)));
  EXPECT_TRUE(refused(Load(0, 0, 2, 1)));
  EXPECT_TRUE(refused(Load(0x1001, 0, 1, 1)));
  EXPECT_TRUE(refused(Load(uint64_t{1} << 47, 0, 1, 1)));
  EXPECT_TRUE(refused(Load(0x1000, 0, 1, ~uint64_t{0})));
  EXPECT_EQ(ExtentOf(nullptr, 0).end, 0u);
}

TEST(ElfLayout, SplitsASegmentIntoFileZerosAndBss) {
  const SegmentPlan plan = PlanSegment(Load(0x3e10, 0x2e10, 0x300, 0x3000));
  EXPECT_EQ(plan.file_begin, 0x3000u);
  EXPECT_EQ(plan.file_end, 0x5000u);
  EXPECT_EQ(plan.offset, 0x2000u);
  EXPECT_EQ(plan.zero_begin, 0x4110u);
  EXPECT_EQ(plan.zero_end, 0x5000u);
  EXPECT_EQ(plan.bss_begin, 0x5000u);
  EXPECT_EQ(plan.bss_end, 0x7000u);
}

TEST(ElfLayout, MapsNoFileForPureBssAndNoBssForPureFile) {
  const SegmentPlan bss = PlanSegment(Load(0x5000, 0x1000, 0, 0x2000));
  EXPECT_EQ(bss.file_begin, bss.file_end);
  EXPECT_EQ(bss.bss_begin, 0x5000u);
  EXPECT_EQ(bss.bss_end, 0x7000u);
  EXPECT_EQ(bss.zero_begin, bss.zero_end);
  const SegmentPlan file = PlanSegment(Load(0x1000, 0x1000, 0x234, 0x234));
  EXPECT_EQ(file.file_end, 0x2000u);
  EXPECT_EQ(file.zero_begin, file.zero_end);
  EXPECT_EQ(file.bss_begin, file.bss_end);
}

}  // namespace
}  // namespace moat::loader
