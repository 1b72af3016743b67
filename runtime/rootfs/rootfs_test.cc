#include <gtest/gtest.h>
#include <sys/mount.h>

#include "runtime/rootfs/container_root.h"
#include "runtime/rootfs/mount_options.h"
#include "runtime/rootfs/mount_table.h"

namespace moat::rootfs {
namespace {

TEST(CleanPathTest, StaysBelowTheRoot) {
  EXPECT_EQ(CleanPath("a/./b//c/../d/"), "/a/b/d");
  EXPECT_EQ(CleanPath("/../../etc"), "/etc");
  EXPECT_EQ(CleanPath(""), "/");
}

TEST(IsWithinTest, ComparesWholeNames) {
  EXPECT_TRUE(IsWithin("/proc/self", "/proc"));
  EXPECT_FALSE(IsWithin("/process", "/proc"));
}

TEST(MountOptionsTest, TheLaterOneCounts) {
  const MountOptions options = ParseMountOptions({"ro", "nosuid", "rw"});
  EXPECT_EQ(options.attributes.set, uint64_t{MOUNT_ATTR_NOSUID});
  EXPECT_EQ(options.attributes.clear, uint64_t{MOUNT_ATTR_RDONLY});
}

TEST(MountOptionsTest, SortsByWhoCarriesThemOut) {
  const MountOptions options = ParseMountOptions({"rbind", "rro", "rslave", "size=1k"});
  EXPECT_TRUE(options.bind && options.recursive && options.propagation_recursive);
  EXPECT_EQ(options.recursive_attributes.set, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(options.propagation, uint64_t{MS_SLAVE});
  ASSERT_EQ(options.parameters.size(), 1u);
  EXPECT_EQ(options.parameters[0].key, "size");
}

TEST(MountOptionsTest, KnowsWhatIsMoreThanAFlag) {
  const MountOptions options = ParseMountOptions({"remount", "tmpcopyup", "ridmap"});
  EXPECT_TRUE(options.remount && options.copy_up && options.id_mapped);
  EXPECT_TRUE(options.id_mapped_recursive);
  EXPECT_FALSE(ParseMountOptions({"idmap"}).id_mapped_recursive);
  EXPECT_TRUE(options.parameters.empty());
}

TEST(MountTableTest, HidesTheHost) {
  const auto table = ContainerMountTable(
      "9 1 8:1 /bundle/rootfs / rw master:1 - ext4 /dev/sda rw\n"
      "10 9 0:5 / /proc ro - tmpfs proc ro\n",
      {{"/proc", "proc", "proc", {"nosuid"}, {}, {}}});
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[0], "9 1 8:1 / / rw - ext4 ext4 rw");
  EXPECT_EQ(table[1], "10 9 0:5 / /proc rw,nosuid,relatime - proc proc rw");
}

}  // namespace
}  // namespace moat::rootfs
