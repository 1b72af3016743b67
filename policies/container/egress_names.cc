#include "policies/container/egress_names.h"

#include <algorithm>

namespace moat::policies {
namespace {

bool IsAboutAll(const Destination& to) { return to.prefix <= (IsV4(to.address) ? 96 : 0); }

// Whether `wide` holds `address` on every port and protocol of `narrow`.
bool CoversAllOf(const Destination& wide, const Destination& narrow, const Address& address) {
  const bool protocol = wide.protocol == Protocol::kAny || wide.protocol == narrow.protocol;
  return protocol && wide.first_port <= narrow.first_port && wide.last_port >= narrow.last_port &&
         Covers(wide, EndPoint{address, narrow.first_port, Protocol::kAny});
}

}  // namespace

bool HasNames(const Egress& egress) {
  return std::any_of(egress.rules.begin(), egress.rules.end(),
                     [](const EgressRule& rule) { return !rule.to.name.empty(); });
}

std::vector<uint32_t> RulesOfName(const Egress& egress, absl::string_view name) {
  std::vector<uint32_t> places;
  for (uint32_t place = 0; place < egress.rules.size(); ++place) {
    const std::string& pattern = egress.rules[place].to.name;
    if (!pattern.empty() && CoversName(pattern, name)) places.push_back(place);
  }
  return places;
}

bool MayOpen(const Egress& egress, uint32_t place, const Address& address) {
  const EgressRule& rule = egress.rules[place];
  const auto holds = [&address](const Destination& range) { return Covers(range, {address}); };
  const bool fits = rule.within.empty()
                        ? IsPublic(address)
                        : std::any_of(rule.within.begin(), rule.within.end(), holds);
  if (!fits) return false;
  for (uint32_t other = 0; other < egress.rules.size(); ++other) {
    const EgressRule& deny = egress.rules[other];
    if (deny.allow || !CoversAllOf(deny.to, rule.to, address)) continue;
    if (other < place || (rule.within.empty() && !IsAboutAll(deny.to))) return false;
  }
  return true;
}

}  // namespace moat::policies
