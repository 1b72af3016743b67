#include "sentry/net/socket_address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "policies/container/parse_policy.h"
#include "sentry/net/network_rules.h"

namespace moat::sentry {
namespace {

std::string Address(sa_family_t family, absl::string_view path) {
  std::string address(sizeof(family), '\0');
  std::memcpy(address.data(), &family, sizeof(family));
  return address + std::string(path);
}

TEST(UnixSocketPath, EndsAtNulOrAtTheAddress) {
  using absl::string_view;
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, string_view("/run/x\0junk", 11))), "/run/x");
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, "/run/x")), "/run/x");
  const std::string full(sizeof(sockaddr_un::sun_path), 'a');
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, full)), full);
}

TEST(UnixSocketPath, NothingWhereNoFileIsNamed) {
  using absl::string_view;
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, "")));                        // autobind
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, string_view("\0name", 5))));  // abstract
  EXPECT_FALSE(UnixSocketPath(Address(AF_INET, "/run/x")));
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, std::string(109, 'a'))));  // EINVAL of the kernel
  EXPECT_FALSE(UnixSocketPath(""));
  EXPECT_FALSE(UnixSocketPath("a"));
}

policies::EndPoint At(const char* point) { return *policies::ParseEndPoint(point); }

NetworkRules Rules(const char* parts) {
  const auto layer = policies::ParseLayer("p", absl::StrCat("{\"name\": \"x\", ", parts, "}"));
  EXPECT_TRUE(layer.ok()) << layer.status();
  policies::Policy policy;
  policy.layers.push_back(*layer);
  return NetworkRules(policy);
}

TEST(NetworkRules, TellsWhichRuleRefuses) {
  using Use = NetworkRules::Use;
  const NetworkRules rules = Rules(R"("egress": {"otherwise": "deny", "rules": [
    {"deny": "10.0.0.1", "reason": "gateway"}, {"allow": "10.0.0.0/8:80/tcp", "reason": "r"},
    {"allow": "a.example:443", "reason": "r"}]})");
  EXPECT_EQ(rules.Refusal(Use::kReach, At("10.0.0.1:80/tcp"))->reason, "gateway");
  EXPECT_FALSE(rules.Refusal(Use::kReach, At("10.0.0.2:80/tcp")));
  EXPECT_TRUE(rules.Refusal(Use::kReach, At("10.0.0.2:80/udp")));
  EXPECT_FALSE(rules.Refusal(Use::kReach, At("1.2.3.4:443/tcp"))) << "a name may have opened it";
  EXPECT_TRUE(rules.Refusal(Use::kReach, At("0.0.0.0:80/tcp")));
  EXPECT_FALSE(rules.Refusal(Use::kReach, At("127.70.1.1:53/udp"))) << "moat-resolver's";
  EXPECT_FALSE(rules.Any(Use::kListen));
}

TEST(InternetEndPoint, ReadsBothFamilies) {
  const std::string v4("\x02\0\0\x50\x0a\0\0\x01\0\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(policies::EndPointText(*InternetEndPoint(v4)), "10.0.0.1:80");
  const std::string v6 = std::string("\x0a\0\0\x50\0\0\0\0", 8) + std::string(15, '\0') + "\x01";
  EXPECT_EQ(policies::EndPointText(*InternetEndPoint(v6)), "[::1]:80");
  EXPECT_FALSE(InternetEndPoint(v4.substr(0, 15)));
  EXPECT_FALSE(InternetEndPoint(v6.substr(0, 23)));
  EXPECT_FALSE(InternetEndPoint(""));
}

}  // namespace
}  // namespace moat::sentry
