// socket(2) itself, socket(7), tcp(7), ip(7) and ipv6(7) options, NETLINK_ROUTE as libc uses it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

// What socket(2) gives for a domain, type and protocol.
struct Kind {
  const char* name;
  int domain, type, protocol, error;
};
constexpr Kind kKinds[] = {
    {"unix_stream", AF_UNIX, SOCK_STREAM, 0, 0},
    {"unix_dgram", AF_UNIX, SOCK_DGRAM, 0, 0},
    {"unix_seqpacket", AF_UNIX, SOCK_SEQPACKET, 0, 0},
    {"unix_raw", AF_UNIX, SOCK_RAW, 0, 0},
    {"unix_rdm", AF_UNIX, SOCK_RDM, 0, ESOCKTNOSUPPORT},
    {"unix_with_protocol", AF_UNIX, SOCK_STREAM, 6, EPROTONOSUPPORT},
    {"tcp4", AF_INET, SOCK_STREAM, 0, 0},
    {"tcp4_named", AF_INET, SOCK_STREAM, IPPROTO_TCP, 0},
    {"udp4", AF_INET, SOCK_DGRAM, 0, 0},
    {"udp4_named", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0},
    {"tcp6", AF_INET6, SOCK_STREAM, 0, 0},
    {"udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0},
    {"stream_of_udp", AF_INET, SOCK_STREAM, IPPROTO_UDP, EPROTONOSUPPORT},
    {"datagrams_of_tcp", AF_INET, SOCK_DGRAM, IPPROTO_TCP, EPROTONOSUPPORT},
    {"netlink_route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, 0},
    {"netlink_route_dgram", AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE, 0},
    {"unknown_family", 77, SOCK_STREAM, 0, EAFNOSUPPORT},
    {"unspecified_family", AF_UNSPEC, SOCK_STREAM, 0, EAFNOSUPPORT},
};
class SocketKinds : public ::testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Of, SocketKinds, ::testing::ValuesIn(kKinds),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(SocketKinds, Gives) {
  Fd fd(socket(GetParam().domain, GetParam().type | SOCK_CLOEXEC, GetParam().protocol));
  EXPECT_CHILD_ERRNO(GetParam().error, fd.valid() ? 0 : errno);
}
TEST_P(SocketKinds, FlagsAreTaken) {
  if (GetParam().error != 0) return;
  Fd fd(socket(GetParam().domain, GetParam().type | SOCK_NONBLOCK | SOCK_CLOEXEC,
               GetParam().protocol));
  EXPECT_TRUE(fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  EXPECT_EQ(FD_CLOEXEC, fcntl(fd.get(), F_GETFD));
}
TEST_P(SocketKinds, OptionsTellThem) {
  if (GetParam().error != 0) return;
  Fd fd(socket(GetParam().domain, GetParam().type | SOCK_CLOEXEC, GetParam().protocol));
  int domain = -1, type = -1;
  socklen_t size = sizeof domain;
  ASSERT_SUCCESS(getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size));
  ASSERT_SUCCESS(getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size));
  EXPECT_EQ(GetParam().domain, domain);
  // unix(7): a raw socket is a datagram one.
  const bool raw = GetParam().domain == AF_UNIX && GetParam().type == SOCK_RAW;
  EXPECT_EQ(raw ? SOCK_DGRAM : GetParam().type, type);
}
TEST(SocketCall, UnknownTypeOrFlagIsEinval) {
  EXPECT_ERRNO(EINVAL, socket(AF_UNIX, 0xd, 0));
  EXPECT_ERRNO(EINVAL, socket(AF_UNIX, SOCK_STREAM | 0x10, 0));
}

// Options that hold an int: what is set is told.
struct Option {
  const char* name;
  int domain, type, level, option, value, expected;
};
// clang-format off
constexpr Option kOptions[] = {
  {"reuseaddr", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR, 1, 1},
  {"reuseport", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT, 1, 1},
  {"keepalive", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE, 1, 1},
  {"broadcast", AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_BROADCAST, 1, 1},
  {"oobinline", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE, 1, 1},
  {"send_buffer", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_SNDBUF, 20000, 40000},
  {"receive_buffer", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_RCVBUF, 20000, 40000},
  {"receive_low_water", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_RCVLOWAT, 5, 5},
  {"dontroute", AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_DONTROUTE, 1, 1},
  {"timestamp", AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_TIMESTAMP, 1, 1},
  {"timestampns", AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_TIMESTAMPNS, 1, 1},
  {"priority", AF_INET, SOCK_STREAM, SOL_SOCKET, SO_PRIORITY, 4, 4},
  {"passcred", AF_UNIX, SOCK_DGRAM, SOL_SOCKET, SO_PASSCRED, 1, 1},
  {"passsec", AF_UNIX, SOCK_DGRAM, SOL_SOCKET, SO_PASSSEC, 1, 1},
  {"peek_off", AF_UNIX, SOCK_STREAM, SOL_SOCKET, SO_PEEK_OFF, 3, 3},
  {"nodelay", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY, 1, 1},
  {"cork", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_CORK, 1, 1},
  {"keep_idle", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPIDLE, 77, 77},
  {"keep_interval", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPINTVL, 7, 7},
  {"keep_count", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPCNT, 3, 3},
  {"quickack", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_QUICKACK, 0, 0},
  {"user_timeout", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, 5000},
  {"defer_accept", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, 1},
  {"syn_count", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_SYNCNT, 3, 3},
  {"fast_open", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN, 5, 5},
  {"fast_open_connect", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1, 1},
  {"linger2", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_LINGER2, 5, 5},
  {"not_sent_low_water", AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 999, 999},
  {"ttl", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_TTL, 33, 33},
  {"tos", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_TOS, 16, 16},
  {"pktinfo", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_PKTINFO, 1, 1},
  {"recvttl", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_RECVTTL, 1, 1},
  {"recvtos", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_RECVTOS, 1, 1},
  {"recverr", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_RECVERR, 1, 1},
  {"mtu_discover", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_DO},
  {"bind_no_port", AF_INET, SOCK_STREAM, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 1},
  {"multicast_ttl", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_MULTICAST_TTL, 9, 9},
  {"multicast_loop", AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_MULTICAST_LOOP, 0, 0},
  {"v6_only", AF_INET6, SOCK_STREAM, IPPROTO_IPV6, IPV6_V6ONLY, 1, 1},
  {"v6_hops", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 31, 31},
  {"v6_multicast_hops", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 12, 12},
  {"v6_multicast_loop", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, 0},
  {"v6_pktinfo", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 1},
  {"v6_traffic_class", AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_TCLASS, 8, 8},
};
// clang-format on
class SocketOptions : public ::testing::TestWithParam<Option> {};
INSTANTIATE_TEST_SUITE_P(Of, SocketOptions, ::testing::ValuesIn(kOptions),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(SocketOptions, AreToldAsSet) {
  const Option& option = GetParam();
  Fd fd(socket(option.domain, option.type | SOCK_CLOEXEC, 0));
  ASSERT_SUCCESS(
      setsockopt(fd.get(), option.level, option.option, &option.value, sizeof option.value));
  int value = -1;
  socklen_t size = sizeof value;
  ASSERT_SUCCESS(getsockopt(fd.get(), option.level, option.option, &value, &size));
  EXPECT_EQ(option.expected, value);
}
TEST(SocketCall, OptionErrors) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_ERRNO(ENOPROTOOPT, getsockopt(fd.get(), SOL_SOCKET, 7777, &value, &size));
  EXPECT_ERRNO(ENOPROTOOPT, setsockopt(fd.get(), SOL_SOCKET, 7777, &value, size));
  EXPECT_ERRNO(EINVAL, setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &value, 1));
  EXPECT_ERRNO(ENOTSOCK, getsockopt(0, SOL_SOCKET, SO_TYPE, &value, &size));
  EXPECT_ERRNO(EBADF, getsockopt(999, SOL_SOCKET, SO_TYPE, &value, &size));
}
TEST(SocketCall, MulticastGroupIsJoinedAndLeft) {
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ip_mreqn group{};
  inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
  group.imr_ifindex = static_cast<int>(if_nametoindex("lo"));
  EXPECT_SUCCESS(setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
  EXPECT_ERRNO(EADDRINUSE,
               setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
  EXPECT_SUCCESS(setsockopt(fd.get(), IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group));
}
TEST(SocketCall, InterfacesAreListed) {
  ifaddrs* list = nullptr;
  ASSERT_SUCCESS(getifaddrs(&list));
  bool loopback = false;
  for (ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    loopback |= std::string(one->ifa_name) == "lo" && one->ifa_addr != nullptr &&
                one->ifa_addr->sa_family == AF_INET;
  }
  EXPECT_TRUE(loopback);
  freeifaddrs(list);
}
TEST(SocketCall, InterfaceIndexAndNameAgree) {
  const unsigned index = if_nametoindex("lo");
  ASSERT_NE(0u, index);
  char name[IF_NAMESIZE];
  ASSERT_NE(nullptr, if_indextoname(index, name));
  EXPECT_STREQ("lo", name);
  EXPECT_EQ(0u, if_nametoindex("missing"));
}
TEST(SocketCall, NetlinkHasAName) {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  ASSERT_SUCCESS(
      bind(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address));
  socklen_t size = sizeof address;
  ASSERT_SUCCESS(
      getsockname(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size));
  EXPECT_NE(0u, address.nl_pid);
}
TEST(SocketCall, PairsOfOtherFamiliesAreRefused) {
  int pair[2];
  EXPECT_ERRNO(EOPNOTSUPP, socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

}  // namespace
}  // namespace moat::conformance
