#include "policies/container/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace moat::policies {
namespace {

constexpr int kV4Bits = 96;  // of ::ffff:0:0/96

absl::Status Fault(absl::string_view problem) { return absl::InvalidArgumentError(problem); }

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text, &port) || port > 0xffff) {
    return Fault(absl::StrCat("\"", text, "\" is not a port"));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<Protocol> ParseProtocol(absl::string_view text) {
  if (text == "tcp") return Protocol::kTcp;
  if (text == "udp") return Protocol::kUdp;
  if (text == "icmp") return Protocol::kIcmp;
  if (text == "any") return Protocol::kAny;
  return Fault(absl::StrCat("\"", text, "\" is no protocol: tcp, udp, icmp or any"));
}

bool IsName(absl::string_view text) {
  constexpr size_t kMaxName = 253, kMaxLabel = 63;
  absl::ConsumePrefix(&text, "*.");
  if (text.empty() || text.size() > kMaxName) return false;
  for (absl::string_view label : absl::StrSplit(text, '.')) {
    const auto fits = [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    };
    if (label.empty() || label.size() > kMaxLabel || !std::all_of(label.begin(), label.end(), fits))
      return false;
  }
  // What ends in a number is a mistyped address.
  const absl::string_view last =
      text.substr(text.rfind('.') == text.npos ? 0 : text.rfind('.') + 1);
  return !absl::ascii_isdigit(static_cast<unsigned char>(last[0]));
}

// The parts of HOST[:PORTS][/PROTOCOL], none of them read yet.
struct Parts {
  absl::string_view host, bits, ports, protocol;
};

absl::StatusOr<Parts> Split(absl::string_view text) {
  Parts parts;
  // The protocol follows the last slash, unless that is a prefix length.
  if (const size_t slash = text.rfind('/');
      slash != text.npos && slash + 1 < text.size() &&
      absl::ascii_isalpha(static_cast<unsigned char>(text[slash + 1]))) {
    parts.protocol = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  if (absl::StartsWith(text, "[")) {
    const size_t end = text.find(']');
    if (end == text.npos) return Fault("\"[\" without \"]\"");
    parts.host = text.substr(1, end - 1);
    text = text.substr(end + 1);
  } else {
    const size_t end = text.find_first_of(":/");
    // More than one colon without brackets: an IPv6 address alone.
    const bool bare_v6 = std::count(text.begin(), text.end(), ':') > 1;
    const size_t stop = bare_v6 ? text.find('/') : end;
    parts.host = text.substr(0, stop);
    text = stop == text.npos ? absl::string_view() : text.substr(stop);
  }
  if (absl::StartsWith(text, "/")) {
    const size_t colon = text.find(':');
    parts.bits = text.substr(1, colon == text.npos ? text.npos : colon - 1);
    if (parts.bits.empty()) return Fault("\"/\" without a number of bits");
    text = colon == text.npos ? absl::string_view() : text.substr(colon);
  }
  if (absl::StartsWith(text, ":")) {
    parts.ports = text.substr(1);
    if (parts.ports.empty()) return Fault("\":\" without a port");
    text = "";
  }
  if (!text.empty()) return Fault(absl::StrCat("\"", text, "\" is not understood"));
  return parts;
}

absl::Status ReadPorts(absl::string_view ports, Destination& destination) {
  if (ports.empty()) return absl::OkStatus();
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(ports, absl::MaxSplits('-', 1));
  ASSIGN_OR_RETURN(destination.first_port, ParsePort(ends.first));
  destination.last_port = destination.first_port;
  if (ends.second.data() != nullptr && absl::StrContains(ports, '-')) {
    ASSIGN_OR_RETURN(destination.last_port, ParsePort(ends.second));
  }
  if (destination.first_port > destination.last_port) return Fault("the ports are backwards");
  return absl::OkStatus();
}

absl::Status ReadHost(const Parts& parts, Destination& destination) {
  if (parts.host == "*") {
    if (!parts.bits.empty()) return Fault("\"*\" has no prefix");
    return absl::OkStatus();
  }
  const std::optional<Address> address = ParseAddress(parts.host);
  if (!address) {
    destination.name = absl::AsciiStrToLower(parts.host);
    if (!parts.bits.empty() || !IsName(destination.name)) {
      return Fault(absl::StrCat("\"", parts.host, "\" is neither an address nor a name"));
    }
    return absl::OkStatus();
  }
  const bool v4 = IsV4(*address) && !absl::StrContains(parts.host, ':');
  const int most = v4 ? 32 : 128;
  int bits = most;
  if (!parts.bits.empty() && (!absl::SimpleAtoi(parts.bits, &bits) || bits < 0 || bits > most)) {
    return Fault(absl::StrCat("\"/", parts.bits, "\": a prefix has 0 to ", most, " bits"));
  }
  destination.address = *address;
  destination.prefix = bits + (v4 ? kV4Bits : 0);
  // Such a range holds the mapped IPv4 addresses, too, which nobody means by it.
  if (!v4 && bits < kV4Bits &&
      Covers(Destination{"", destination.address, bits}, EndPoint{*ParseAddress("0.0.0.0")})) {
    return Fault("this range holds IPv4 addresses, too: write \"*\", or a longer prefix");
  }
  for (int bit = destination.prefix; bit < 128; ++bit) {
    if ((destination.address[static_cast<size_t>(bit / 8)] & (0x80 >> bit % 8)) != 0) {
      return Fault(absl::StrCat(parts.host, "/", bits, " has bits behind its prefix"));
    }
  }
  return absl::OkStatus();
}

struct Range {
  const char* address;
  int prefix;
};

// Not "globally reachable" by the registries, and what clouds serve their own machines on.
constexpr Range kNotPublic4[] = {
    {"0.0.0.0", 8},        {"10.0.0.0", 8},     {"100.64.0.0", 10},  {"127.0.0.0", 8},
    {"168.63.129.16", 32}, {"169.254.0.0", 16}, {"172.16.0.0", 12},  {"192.0.0.0", 24},
    {"192.0.2.0", 24},     {"192.88.99.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15},
    {"198.51.100.0", 24},  {"203.0.113.0", 24}, {"224.0.0.0", 4},    {"240.0.0.0", 4}};
// Inside 2000::/3, outside of which nothing is public. 2001::/23 and 2002::/16 are tunnels, whose
// addresses hide an IPv4 one.
constexpr Range kNotPublic6[] = {
    {"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}};
constexpr Range kPublic6 = {"2000::", 3};
constexpr Range kTranslated = {"64:ff9b::", 96};  // NAT64: an IPv4 address in the last 32 bits

bool IsIn(const Address& address, const Range& range) {
  const Address start = *ParseAddress(range.address);
  return Covers({"", start, range.prefix + (IsV4(start) ? kV4Bits : 0)}, {address});
}

}  // namespace

bool CoversName(absl::string_view pattern, absl::string_view name) {
  if (!absl::ConsumePrefix(&pattern, "*")) return pattern == name;
  return name.size() > pattern.size() && absl::EndsWith(name, pattern);  // ".NAME"
}

bool IsPublic(const Address& address) {
  const auto holds = [&address](const Range& range) { return IsIn(address, range); };
  if (IsV4(address)) return std::none_of(std::begin(kNotPublic4), std::end(kNotPublic4), holds);
  if (holds(kTranslated)) {
    Address inner = *ParseAddress("0.0.0.0");
    std::copy(address.begin() + 12, address.end(), inner.begin() + 12);
    return IsPublic(inner);
  }
  return holds(kPublic6) && std::none_of(std::begin(kNotPublic6), std::end(kNotPublic6), holds);
}

std::optional<Address> ParseAddress(absl::string_view text) {
  Address address{};
  const std::string copy(text);
  if (::inet_pton(AF_INET6, copy.c_str(), address.data()) == 1) return address;
  if (::inet_pton(AF_INET, copy.c_str(), address.data() + 12) != 1) return std::nullopt;
  address[10] = address[11] = 0xff;
  return address;
}

bool IsV4(const Address& address) {
  constexpr Address kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(address.begin(), address.begin() + 12, kMapped.begin());
}

std::string AddressText(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = IsV4(address);
  ::inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text.data(), text.size());
  return text.data();
}

std::string EndPointText(const EndPoint& point) {
  const std::string address = AddressText(point.address);
  const char* const protocol = point.protocol == Protocol::kTcp    ? "/tcp"
                               : point.protocol == Protocol::kUdp  ? "/udp"
                               : point.protocol == Protocol::kIcmp ? "/icmp"
                                                                   : "";
  return IsV4(point.address) ? absl::StrCat(address, ":", point.port, protocol)
                             : absl::StrCat("[", address, "]:", point.port, protocol);
}

absl::StatusOr<Destination> ParseDestination(absl::string_view text) {
  ASSIGN_OR_RETURN(const Parts parts, Split(text));
  Destination destination;
  RETURN_IF_ERROR(ReadHost(parts, destination));
  RETURN_IF_ERROR(ReadPorts(parts.ports, destination));
  if (!parts.protocol.empty()) {
    ASSIGN_OR_RETURN(destination.protocol, ParseProtocol(parts.protocol));
  }
  if (destination.protocol == Protocol::kIcmp && !destination.AnyPort()) {
    return Fault("icmp has no ports");
  }
  return destination;
}

absl::StatusOr<EndPoint> ParseEndPoint(absl::string_view text) {
  ASSIGN_OR_RETURN(const Destination destination, ParseDestination(text));
  const bool one = destination.name.empty() && destination.prefix == 128;
  const bool port = destination.first_port == destination.last_port;
  if (!one || (!port && destination.protocol != Protocol::kIcmp)) {
    return Fault("write one address and one port, as 10.0.0.1:80 or [2001:db8::1]:443/udp");
  }
  return EndPoint{destination.address, destination.first_port, destination.protocol};
}

bool Covers(const Destination& destination, const EndPoint& to) {
  if (destination.protocol != Protocol::kAny && to.protocol != Protocol::kAny &&
      destination.protocol != to.protocol) {
    return false;
  }
  if (to.port < destination.first_port || to.port > destination.last_port) return false;
  for (int bit = 0; bit < destination.prefix; ++bit) {
    const auto byte = static_cast<size_t>(bit / 8);
    if (((destination.address[byte] ^ to.address[byte]) & (0x80 >> bit % 8)) != 0) return false;
  }
  return true;
}

}  // namespace moat::policies
