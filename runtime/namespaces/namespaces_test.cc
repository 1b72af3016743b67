#include <gtest/gtest.h>
#include <sched.h>

#include "runtime/namespaces/id_map.h"
#include "runtime/namespaces/sysctl.h"

namespace moat::namespaces {
namespace {

TEST(IdMapTest, IsTheIdentityWithoutMappings) {
  const IdMap map = IdMap::Create({}, "0 100 50\n", "f").value();
  EXPECT_TRUE(map.identity());
  EXPECT_EQ(map.OuterText(), "0 0 50\n");
  EXPECT_FALSE(map.ToHost(50).has_value());
}

TEST(IdMapTest, MapsOutsideAndKeepsIdsInside) {
  const IdMap map = IdMap::Create({{0, 1000, 10}, {20, 5000, 1}}, "", "f").value();
  EXPECT_EQ(map.ToHost(3), 1003u);
  EXPECT_EQ(map.OuterText(), "0 1000 10\n20 5000 1\n");
  EXPECT_EQ(map.InnerText(), "0 0 10\n20 20 1\n");
}

TEST(IdMapTest, RefusesBadRanges) {
  EXPECT_FALSE(IdMap::Create({{1, 1000, 10}}, "", "f").ok());
  EXPECT_FALSE(IdMap::Create({{0, 1000, 10}, {5, 5000, 10}}, "", "f").ok());
  EXPECT_FALSE(IdMap::Create({{0, 4294967290, 10}}, "", "f").ok());
}

TEST(SysctlTest, KnowsWhoseItIs) {
  EXPECT_EQ(NamespaceOfSysctl("net.ipv4.ip_forward").value(), CLONE_NEWNET);
  EXPECT_EQ(NamespaceOfSysctl("kernel/shmmax").value(), CLONE_NEWIPC);
  EXPECT_FALSE(NamespaceOfSysctl("kernel.core_pattern").ok());
}

TEST(SysctlTest, NamesItsFile) {
  EXPECT_EQ(SysctlFile("net.ipv4.conf.eth0/1.x").value(), "sys/net/ipv4/conf/eth0.1/x");
  EXPECT_EQ(SysctlFile("net/ipv4/conf/eth0.1/x").value(), "sys/net/ipv4/conf/eth0.1/x");
  EXPECT_FALSE(SysctlFile("net/../kernel/core_pattern").ok());
}

}  // namespace
}  // namespace moat::namespaces
