// Egress rules by domain name: which names may be asked for, and what their addresses open.
//
// A rule by name covers an address for as long as moat-resolver (resolver/server.h) keeps an entry
// for the pair in a map of the kernel's, which the egress program looks at
// (runtime/cgroups/egress_program.h). docs/adr/009-egress.md.
#ifndef MOAT_POLICIES_CONTAINER_EGRESS_NAMES_H_
#define MOAT_POLICIES_CONTAINER_EGRESS_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "policies/container/policy.h"

namespace moat::policies {

// A key of the map. Its value is a uint64_t: until when, in nanoseconds of CLOCK_MONOTONIC, the
// rule covers the address.
struct OpenedKey {
  Address address{};
  uint32_t rule = 0;  // its place in Egress::rules
  uint32_t unused = 0;

  friend auto operator<=>(const OpenedKey&, const OpenedKey&) = default;
};
static_assert(sizeof(OpenedKey) == 24);
inline constexpr size_t kMaxOpened = 4096;

bool HasNames(const Egress& egress);

// The places of the rules whose name covers `name` (lower case, no dot at its end).
std::vector<uint32_t> RulesOfName(const Egress& egress, absl::string_view name);

// Whether the rule at `place`, one by name, may open an address that a DNS server gave. Whoever
// owns the name chooses the address, so it must lie in the rule's "within", or be public without;
// and no rule may deny it for all that the rule allows: none before it, and, without "within", none
// behind it that is about a part of the addresses.
bool MayOpen(const Egress& egress, uint32_t place, const Address& address);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_EGRESS_NAMES_H_
