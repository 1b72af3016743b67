#include "sentry/net/network_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "policies/container/egress_names.h"

namespace moat::sentry {
namespace {

using policies::EndPoint;
using policies::Layer;

constexpr char kEnd[] = "what no rule of the policy allows";

// net/ipv6/af_inet6.c takes one without the scope.
constexpr size_t kLeastV6 = offsetof(sockaddr_in6, sin6_scope_id);

// Where moat-resolver takes questions (runtime/resolv/name_plan.h): which address of these is its
// own is not known here.
bool MayBeResolver(const EndPoint& point) {
  constexpr uint16_t kDnsPort = 53;
  constexpr int kBits = 96 + 10;
  return point.port == kDnsPort &&
         policies::Covers({"", *policies::ParseAddress("127.64.0.0"), kBits}, {point.address});
}

}  // namespace

std::optional<EndPoint> InternetEndPoint(absl::string_view address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() < sizeof(family)) return std::nullopt;
  std::memcpy(&family, address.data(), sizeof(family));
  EndPoint point;
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address.data(), sizeof(v4));
    point.address[10] = point.address[11] = 0xff;
    std::memcpy(point.address.data() + 12, &v4.sin_addr, sizeof(v4.sin_addr));
    point.port = ntohs(v4.sin_port);
    return point;
  }
  if (family != AF_INET6 || address.size() < kLeastV6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.data(), std::min(address.size(), sizeof(v6)));
  std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr),
            point.address.begin());
  point.port = ntohs(v6.sin6_port);
  return point;
}

NetworkRules::NetworkRules(const policies::Policy& policy) {
  for (const Layer& layer : policy.layers) {
    Layer place;
    place.source = layer.source;
    if (layer.egress && !egress_) egress_ = Part{*layer.egress, place};
    if (layer.listen && !listen_) listen_ = Part{*layer.listen, place};
  }
}

bool NetworkRules::Any(Use use) const { return PartOf(use).has_value(); }

std::optional<NetworkRules::Refused> NetworkRules::Refusal(Use use, EndPoint point) const {
  const std::optional<Part>& part = PartOf(use);
  if (!part) return std::nullopt;
  const auto end = [&part] { return Refused{PlaceOf(part->layer, part->rules.at), kEnd}; };
  if (use == Use::kReach) {
    if (policies::HasNames(part->rules) && MayBeResolver(point)) return std::nullopt;
    if (point.address == policies::Address{}) return end();
    // As connect(2) takes it.
    if (point.address == *policies::ParseAddress("0.0.0.0")) {
      point.address = *policies::ParseAddress("127.0.0.1");
    }
  }
  for (const policies::EgressRule& rule : part->rules.rules) {
    if (!policies::Covers(rule.to, point)) continue;
    if (rule.allow || !rule.to.name.empty()) return std::nullopt;
    return Refused{PlaceOf(part->layer, rule.at), rule.reason};
  }
  if (part->rules.otherwise_allow) return std::nullopt;
  return end();
}

}  // namespace moat::sentry
