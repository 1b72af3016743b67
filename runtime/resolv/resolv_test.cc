#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "runtime/resolv/name_plan.h"

namespace moat::resolv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ResolvConf, KeepsSearchAndOptions) {
  const ResolvConf conf = ParseResolvConf(
      "# x\nnameserver 10.0.0.53\nnameserver\t2001:db8::53\nnameserver fe80::1%eth0\n"
      "search a.example b.example\noptions ndots:5 use-vc\noptions use-vc\nsortlist 1.2.3.4\n");
  ASSERT_EQ(conf.servers.size(), 2u);
  EXPECT_EQ(policies::EndPointText(conf.servers[1]), "[2001:db8::53]:53/udp");
  EXPECT_THAT(conf.kept, ElementsAre("search a.example b.example", "options ndots:5"));
}

class PlanNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/resolv_test";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    spec_.linux_config.namespaces = {{spec::NamespaceType::kNetwork, ""}};
  }
  void MountResolvConf(const std::string& text) {
    std::ofstream(directory_ + "/given") << text;
    spec::Mount mount;
    mount.destination = "/etc/resolv.conf";
    mount.source = "given";
    spec_.mounts.push_back(mount);
  }
  auto Plan() { return PlanNames(egress_, directory_, directory_, spec_); }

  std::string directory_;
  policies::Egress egress_;
  spec::Spec spec_;
};

TEST_F(PlanNamesTest, MountsAFileThatLeadsToTheResolver) {
  MountResolvConf("nameserver 10.0.0.53\nsearch corp.example\n");
  const auto names = Plan();
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(policies::EndPointText(names->servers.at(0)), "10.0.0.53:53/udp");
  EXPECT_EQ(spec_.mounts.back().destination, "/etc/resolv.conf");
  const auto text = ReadFile(spec_.mounts.back().source, 4096);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr(absl::StrCat("nameserver ",
                                            policies::AddressText(names->resolver.address), "\n")));
  EXPECT_THAT(*text, HasSubstr("search corp.example\n"));
}

// The workload could bind such an address and answer its own questions.
TEST_F(PlanNamesTest, AServerInsideTheContainerIsNone) {
  MountResolvConf("nameserver 127.0.0.11\n");
  EXPECT_THAT(std::string(Plan().status().message()), HasSubstr("\"resolvers\""));
}

TEST_F(PlanNamesTest, ThePolicysServersComeFirst) {
  MountResolvConf("nameserver 127.0.0.11\n");
  egress_.resolvers = {*policies::ParseEndPoint("192.0.2.1:5353/udp")};
  const auto names = Plan();
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->servers.size(), 1u);
}

}  // namespace
}  // namespace moat::resolv
