// Where packets may go: "10.0.0.0/8:443/tcp", "[2001:db8::]/32", "pypi.example:443", "*:53/udp".
#ifndef MOAT_POLICIES_CONTAINER_NETWORK_H_
#define MOAT_POLICIES_CONTAINER_NETWORK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::policies {

// IPv4 addresses are kept as ::ffff:a.b.c.d, with 96 bits more of prefix.
using Address = std::array<uint8_t, 16>;

enum class Protocol : uint8_t { kAny = 0, kIcmp = 1, kTcp = 6, kUdp = 17 };

struct Destination {
  // A domain name in lower case, or "*.NAME" for all names below it; "": by address.
  std::string name;
  Address address{};
  int prefix = 0;  // bits of `address` that count; 0: every address of both families
  uint16_t first_port = 0, last_port = 0xffff;
  Protocol protocol = Protocol::kAny;

  bool AnyPort() const { return first_port == 0 && last_port == 0xffff; }
};

// One end point, as `moat policy explain` asks for it.
struct EndPoint {
  Address address{};
  uint16_t port = 0;
  Protocol protocol = Protocol::kAny;  // kAny: not said
};

// HOST[:PORT[-PORT]][/PROTOCOL]; HOST is "*", an address, ADDRESS/BITS, or a name. An IPv6 address
// stands in brackets when a port follows. The error says what is wrong, without a position.
absl::StatusOr<Destination> ParseDestination(absl::string_view text);
absl::StatusOr<EndPoint> ParseEndPoint(absl::string_view text);

std::optional<Address> ParseAddress(absl::string_view text);
bool IsV4(const Address& address);
std::string AddressText(const Address& address);
// As ParseEndPoint reads it.
std::string EndPointText(const EndPoint& point);

// Whether `to` lies in `destination` (which has no name).
bool Covers(const Destination& destination, const EndPoint& to);

// Whether a destination's name covers the domain name `name` (lower case, no dot at its end).
bool CoversName(absl::string_view pattern, absl::string_view name);

// Whether the address is one of the world's: not of a machine, a site, a cloud's own services, a
// group, or none at all (IANA's registries of special-purpose addresses).
bool IsPublic(const Address& address);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_NETWORK_H_
