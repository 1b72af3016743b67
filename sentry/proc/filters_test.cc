#include "sentry/proc/filters.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "absl/strings/match.h"

namespace moat::sentry {
namespace {

TEST(FilterStat, MovesTheStartAndSurvivesOddNames) {
  std::string stat = "7 (a ) b) S";
  for (int field = 4; field <= 52; ++field)
    stat += field == 22 ? " 5000" : " " + std::to_string(field);
  const std::string shown = FilterStat(stat + "\n", 4000, true);
  EXPECT_TRUE(absl::StartsWith(shown, "7 (a ) b) S 4 5 "));
  EXPECT_TRUE(absl::StrContains(shown, " 21 1000 23 "));
  EXPECT_TRUE(absl::EndsWith(shown, " 51 52\n"));
}

TEST(FilterStat, HidesAddressesFromStrangers) {
  std::string stat = "7 (x) S";
  for (int field = 4; field <= 52; ++field) stat += " " + std::to_string(field);
  const std::string shown = FilterStat(stat, 0, false);
  EXPECT_TRUE(absl::StrContains(shown, " 25 0 0 0 0 0 31 32 33 34 0 36 "));
  EXPECT_TRUE(absl::EndsWith(shown, " 44 0 0 0 0 0 0 0 0\n"));
}

TEST(FilterMappings, LeavesTheStubOutWithItsDetails) {
  const std::string smaps =
      "00400000-00401000 r--p 00000000 00:2a 7    /usr/bin/true\nSize: 4 kB\nVmFlags: rd\n"
      "7f00-7f10 r-xp 00000000 00:3b 3    /lib64/ld-linux-x86-64.so.2\nSize: 8 kB\nVmFlags: rd ex\n"
      "7ffc-7ffd rw-p 00000000 00:00 0    [stack]\nSize: 132 kB\n";
  const std::string shown = FilterMappings(smaps, makedev(0, 0x3b), 3);
  EXPECT_TRUE(absl::StrContains(shown, "/usr/bin/true\nSize: 4 kB\nVmFlags: rd\n7ffc-"));
  EXPECT_FALSE(absl::StrContains(shown, "ld-linux"));
  EXPECT_FALSE(absl::StrContains(shown, "Size: 8 kB"));
  EXPECT_EQ(FilterMappings(smaps, 0, 0), smaps);
  EXPECT_EQ(FilterMappings(smaps, makedev(0, 0x3b), 4), smaps);
}

TEST(FilterCpuinfo, KeepsOnlyVisibleProcessors) {
  const std::string text = "processor\t: 0\nmodel\t: x\n\nprocessor\t: 1\nmodel\t: y\n\n";
  EXPECT_EQ(FilterCpuinfo(text, {1}), "processor\t: 1\nmodel\t: y\n\n");
  EXPECT_EQ(FilterCpuinfo(text, {0, 1}), text);
}

TEST(MountLines, AreThoseOfTheKernel) {
  const char kLine[] = "22 1 0:20 / /tmp rw,nosuid,relatime shared:1 - tmpfs tmp rw,size=1k";
  EXPECT_EQ(MountsLine(kLine), "tmp /tmp tmpfs rw,nosuid,relatime,size=1k 0 0\n");
  EXPECT_EQ(MountstatsLine(kLine), "device tmp mounted on /tmp with fstype tmpfs\n");
  EXPECT_EQ(MountPoint(kLine), "/tmp");
  EXPECT_EQ(MountsLine("22 1 0:20 / / rw - overlay o ro,x=y"), "o / overlay ro,x=y 0 0\n");
  EXPECT_EQ(MountsLine("no mount"), "");
}

TEST(Cpus, ListsAndMasks) {
  EXPECT_EQ(CpuList({0, 1, 2, 5}), "0-2,5");
  EXPECT_EQ(CpuList({3}), "3");
  EXPECT_EQ(CpuMask({0, 1, 2, 5}), "27");
  EXPECT_EQ(CpuMask({0, 32}), "1,00000001");
}

}  // namespace
}  // namespace moat::sentry
