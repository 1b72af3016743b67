#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "policies/container/builtin.h"
#include "policies/container/json_text.h"
#include "policies/container/network.h"
#include "policies/container/parse_policy.h"

namespace moat::policies {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string FaultOf(absl::string_view text) {
  const auto layer = ParseLayer("p", text);
  return layer.ok() ? "" : std::string(layer.status().message());
}

TEST(JsonText, KnowsWhereValuesStand) {
  const auto value = ParseJson("{\n  \"a\": [1,\n    \"x\\u00e9\\n\"]\n}");
  ASSERT_TRUE(value.ok()) << value.status();
  const JsonValue* list = value->Find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[1].at.line, 3);
  EXPECT_EQ(list->items[1].at.column, 5);
  EXPECT_EQ(list->items[1].text, "x\xc3\xa9\n");
}

TEST(JsonText, FaultsHaveLineAndColumn) {
  EXPECT_EQ(ParseJson("{\"a\": 1,\n \"a\": 2}").status().message(), "2:2: \"a\" stands here twice");
  EXPECT_EQ(ParseJson("[1 2]").status().message(), "1:4: expected \",\" or \"]\"");
  EXPECT_EQ(ParseJson("[1]]").status().message(), "1:4: something follows the end of the document");
  for (const char* bad : {"", "[", "{\"a\"", "\"x", "tru", "01", "\"\\q\"", "\"\\ud800\"", "[1,]",
                          "{\"a\":}", "\"\\u0000\"", "\"\x01\"", "- 1", "--1", "nul"}) {
    EXPECT_FALSE(ParseJson(bad).ok()) << bad;
  }
  EXPECT_FALSE(ParseJson(std::string(100, '[')).ok());
}

TEST(Destination, ReadsEveryForm) {
  const auto network = ParseDestination("10.0.0.0/8:443/tcp");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->prefix, 104);
  EXPECT_EQ(network->first_port, 443);
  EXPECT_EQ(network->protocol, Protocol::kTcp);
  EXPECT_EQ(ParseDestination("pypi.example:443")->name, "pypi.example");
  EXPECT_EQ(ParseDestination("[2001:db8::]/32:53-60/udp")->last_port, 60);
  EXPECT_EQ(ParseDestination("2001:db8::1")->prefix, 128);
  EXPECT_EQ(ParseDestination("*:53/udp")->prefix, 0);
  EXPECT_EQ(ParseDestination("0.0.0.0/0")->prefix, 96);
  EXPECT_EQ(ParseDestination("1.2.3.4/icmp")->protocol, Protocol::kIcmp);
}

TEST(Destination, NamesCoverThemselvesAndWildcardsWhatIsBelow) {
  EXPECT_EQ(ParseDestination("*.Pypi.example:443")->name, "*.pypi.example");
  for (const char* bad : {"*.", "*.*.a", "a.*.b", "*x.a"}) {
    EXPECT_FALSE(ParseDestination(bad).ok()) << bad;
  }
  EXPECT_TRUE(CoversName("a.b", "a.b"));
  EXPECT_FALSE(CoversName("a.b", "x.a.b"));
  EXPECT_TRUE(CoversName("*.a.b", "x.y.a.b"));
  EXPECT_FALSE(CoversName("*.a.b", "a.b"));
  EXPECT_FALSE(CoversName("*.a.b", "xa.b"));
}

TEST(Address, WhatIsPublic) {
  for (const char* address : {"8.8.8.8", "172.32.0.1", "2600::1", "64:ff9b::808:808"}) {
    EXPECT_TRUE(IsPublic(*ParseAddress(address))) << address;
  }
  for (const char* address : {"0.0.0.0",
                              "10.1.1.1",
                              "127.0.0.1",
                              "169.254.169.254",
                              "172.31.0.1",
                              "192.168.0.1",
                              "100.100.100.200",
                              "168.63.129.16",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:10.0.0.1",
                              "::10.0.0.1",
                              "fe80::1",
                              "fd00:ec2::254",
                              "ff02::1",
                              "2002:a00:1::",
                              "2001::1",
                              "64:ff9b::a00:1",
                              "64:ff9b:1::808:808"}) {
    EXPECT_FALSE(IsPublic(*ParseAddress(address))) << address;
  }
}

TEST(Destination, RefusesWhatItMayMisread) {
  for (const char* bad : {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "1.2.3:80", "a b",
                          "x:99999", "x:", "*:5/sctp", "[::1", "::/0", "::/16", "1.2.3.4/icmp:80",
                          "1.2.3.4:80/icmp", "x:9-3", "x/8", "-:-", "a..b", "1.2.3.256"}) {
    EXPECT_FALSE(ParseDestination(bad).ok()) << bad;
  }
}

TEST(Destination, CoversByPrefixPortAndProtocol) {
  const Destination network = *ParseDestination("10.0.0.0/8:80-90/tcp");
  EXPECT_TRUE(Covers(network, *ParseEndPoint("10.1.2.3:80")));
  EXPECT_TRUE(Covers(network, *ParseEndPoint("[::ffff:10.1.2.3]:90/tcp")));
  EXPECT_FALSE(Covers(network, *ParseEndPoint("11.1.2.3:80")));
  EXPECT_FALSE(Covers(network, *ParseEndPoint("10.1.2.3:91")));
  EXPECT_FALSE(Covers(network, *ParseEndPoint("10.1.2.3:80/udp")));
}

TEST(Policy, ReadsAWholeOne) {
  const auto layer = ParseLayer("p", R"({
    "name": "web", "extends": "strict", "description": "d",
    "calls": [{"calls": ["ioctl"], "when": [{"argument": 1, "is": ["TCGETS", "0x5413"]}],
               "action": "errno", "errno": "ENOTTY", "reason": "r"}],
    "files": [{"hide": "/etc/key", "reason": "r"}, {"read_only": "/etc", "reason": "r"}],
    "exec": [{"allow": "/usr/bin/python3", "reason": "r"}],
    "egress": {"otherwise": "deny", "rules": [{"allow": "pypi.example:443", "reason": "r"}]},
    "limits": {"memory": "512M", "pids": 64}})");
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->calls[0].when.size(), 2u);
  EXPECT_EQ(layer->files[1].kind, FileRule::Kind::kReadOnly);
  EXPECT_EQ(*layer->limits.memory, 512 << 20);
  EXPECT_FALSE(layer->egress->otherwise_allow);
}

TEST(Policy, FaultsSayWhereAndWhat) {
  EXPECT_EQ(FaultOf("{\n\"name\": \"x\",\n  \"nmae\": 1}"),
            "p:3:3: unknown key \"nmae\"; known here: $schema, name, description, extends, calls, "
            "files, exec, egress, listen, devices, limits");
  EXPECT_THAT(FaultOf(R"({"name": "x", "calls": [{"calls": ["read"], "action": "native"}]})"),
              StartsWith("p:1:25: \"reason\" is missing"));
  EXPECT_THAT(FaultOf(R"({"name":"x","files":[{"hide":"/a/../b","reason":"r"}]})"),
              HasSubstr("p:1:30: "));
  EXPECT_THAT(FaultOf(R"({"name":"x","files":[{"hide":"/proc/x","reason":"r"}]})"),
              HasSubstr("maskedPaths"));
  EXPECT_THAT(
      FaultOf(
          R"({"name":"x","egress":{"otherwise":"allow","rules":[{"deny":"a.b","reason":"r"}]}})"),
      HasSubstr("can't be denied"));
  EXPECT_THAT(FaultOf(R"({"name":"x","egress":{"otherwise":"deny","rules":[
                      {"allow":"1.2.3.4","within":["10.0.0.0/8"],"reason":"r"}]}})"),
              HasSubstr("this rule has none"));
  EXPECT_THAT(FaultOf(R"({"name":"x","egress":{"otherwise":"deny","rules":[
                      {"allow":"a.b","within":["10.0.0.0/8:80"],"reason":"r"}]}})"),
              HasSubstr("addresses and prefixes"));
  EXPECT_THAT(FaultOf(R"({"name":"x","egress":{"otherwise":"deny","resolvers":["10.0.0.0/8"]}})"),
              HasSubstr("one address"));
  EXPECT_THAT(
      FaultOf(
          R"({"name":"x","calls":[{"calls":["a"],"action":"errno","errno":"EFOO","reason":"r"}]})"),
      HasSubstr("\"EFOO\" is no error"));
}

TEST(Policy, ExtendsOthersButNotItself) {
  const FindPolicy find = [](const std::string& name) {
    return ParseLayer(name, R"({"name": "loop", "extends": "loop"})");
  };
  EXPECT_THAT(std::string(WithLayersBelow(*find("a"), find).status().message()),
              HasSubstr("or itself"));
}

TEST(Policy, BuiltinOnesAreFineAndSurviveBeingSaved) {
  for (const std::string& name : BuiltinNames()) {
    const auto policy = PolicyOfName(name);
    ASSERT_TRUE(policy.ok()) << policy.status();
    const auto again = PolicyFromSaved(SavedPolicy(*policy));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->layers.size(), policy->layers.size());
    EXPECT_EQ(again->top().text, policy->top().text);
  }
  EXPECT_THAT(std::string(PolicyOfName("none").status().message()), HasSubstr("default, strict"));
  EXPECT_FALSE(PolicyOfName("../x").ok());
}

}  // namespace
}  // namespace moat::policies
