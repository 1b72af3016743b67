// setsockopt and getsockopt: which options of which protocols the kernel may see.
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

constexpr int kLevel = 1;
constexpr int kOption = 2;
constexpr uint32_t kNetlinkLevel = 270;  // SOL_NETLINK

// The options `first` to `last` of `level`.
struct OptionRange {
  uint32_t level, first, last;
};

template <size_t N>
struct OptionRanges {
  constexpr explicit OptionRanges(const OptionRange (&ranges)[N]) {
    for (size_t i = 0; i < N; ++i) {
      conditions[i] = {IntIs(kLevel, ranges[i].level), IntAtLeast(kOption, ranges[i].first),
                       IntBelow(kOption, ranges[i].last + 1)};
    }
  }
  std::array<std::array<Condition, 3>, N> conditions{};
};

template <size_t N>
constexpr std::array<Check, N> AllWith(const OptionRanges<N>& ranges, Verdict verdict) {
  std::array<Check, N> checks{};
  for (size_t i = 0; i < N; ++i) checks[i] = {ranges.conditions[i], verdict};
  return checks;
}

// Missing on purpose, among others: SO_ATTACH_* (BPF programs of the workload's making in the
// kernel), SO_ZEROCOPY, IP_OPTIONS, IP_IPSEC_POLICY and IP_XFRM_POLICY, IPV6_ADDRFORM,
// IPV6_FLOWLABEL_MGR, extension headers, UDP_ENCAP, TCP_MD5SIG, TCP_REPAIR*, TCP_ULP (loads kernel
// modules and changes the socket's code path), and the old netfilter interface ({IP,IP6,ARP,EB}T_*,
// 64 and up of SOL_IP and SOL_IPV6): a long history of holes behind a capability that a container
// with its own network may hold.
constexpr OptionRanges kSettable({
    {SOL_SOCKET, SO_DEBUG, SO_SNDTIMEO},             // 1 to 21
    {SOL_SOCKET, SO_BINDTODEVICE, SO_BINDTODEVICE},  // 25
    {SOL_SOCKET, SO_DETACH_FILTER, SO_DETACH_FILTER},
    {SOL_SOCKET, SO_TIMESTAMP, SO_TIMESTAMP},
    {SOL_SOCKET, SO_SNDBUFFORCE, SO_RCVBUFFORCE},   // 32, 33
    {SOL_SOCKET, SO_TIMESTAMPNS, SO_TIMESTAMPING},  // 35 to 37
    {SOL_SOCKET, SO_RXQ_OVFL, SO_RXQ_OVFL},
    {SOL_SOCKET, SO_PEEK_OFF, SO_PEEK_OFF},
    {SOL_SOCKET, SO_LOCK_FILTER, SO_LOCK_FILTER},
    {SOL_SOCKET, SO_BUSY_POLL, SO_MAX_PACING_RATE},  // 46, 47
    {SOL_SOCKET, SO_INCOMING_CPU, SO_INCOMING_CPU},
    {SOL_SOCKET, 62, 76},  // SO_BINDTOIFINDEX to SO_PASSPIDFD: 64-bit times, polling, buffers
    {IPPROTO_TCP, TCP_NODELAY, TCP_CONGESTION},                 // 1 to 13
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT},  // 16 to 18
    {IPPROTO_TCP, TCP_FASTOPEN, TCP_NOTSENT_LOWAT},             // 23 to 25
    {IPPROTO_TCP, TCP_SAVE_SYN, TCP_SAVE_SYN},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_CONNECT},
    {IPPROTO_TCP, 34, 34},  // TCP_FASTOPEN_NO_COOKIE
    {IPPROTO_TCP, 36, 37},  // TCP_INQ, TCP_TX_DELAY
    {SOL_IP, IP_TOS, IP_TTL},
    {SOL_IP, IP_ROUTER_ALERT + 1, IP_FREEBIND},       // 6 to 15
    {SOL_IP, IP_TRANSPARENT, IP_RECVFRAGSIZE + 1},    // 19 to 26
    {SOL_IP, IP_MULTICAST_IF, 51},                    // to IP_LOCAL_PORT_RANGE
    {SOL_IPV6, IPV6_UNICAST_HOPS, IPV6_LEAVE_GROUP},  // 16 to 21
    {SOL_IPV6, IPV6_MTU_DISCOVER, 29},                // 23 to IPV6_MULTICAST_ALL
    {SOL_IPV6, 31, 31},                               // IPV6_RECVERR_RFC4884
    {SOL_IPV6, 33, 33},                               // IPV6_FLOWINFO_SEND
    {SOL_IPV6, MCAST_JOIN_GROUP, IPV6_HOPLIMIT},      // 42 to 52
    {SOL_IPV6, IPV6_RECVPATHMTU, IPV6_DONTFRAG},      // 60 to 62
    {SOL_IPV6, IPV6_RECVTCLASS, IPV6_TCLASS},         // 66, 67
    {SOL_IPV6, IPV6_AUTOFLOWLABEL, 78},               // 70 to IPV6_FREEBIND
    {IPPROTO_UDP, 1, 1},                              // UDP_CORK
    {IPPROTO_UDP, 101, 104},                          // checksums of IPv6, segmentation, GRO
    {kNetlinkLevel, NETLINK_ADD_MEMBERSHIP, NETLINK_NO_ENOBUFS},  // 1 to 5
    {kNetlinkLevel, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK},     // 10 to 12
});
constexpr auto kSetSocketOption = AllWith(kSettable, kNative);

// The tables of netfilter, and a read that maps the kernel's pages.
constexpr OptionRanges kUnreadable({
    {SOL_IP, 64, 79},       // IPT_SO_GET_INFO and on, but for SO_ORIGINAL_DST (80)
    {SOL_IP, 81, 131},      // ARPT_SO_GET_INFO to EBT_SO_GET_INIT_ENTRIES
    {SOL_IPV6, 64, 65},     // IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES
    {IPPROTO_TCP, 35, 35},  // TCP_ZEROCOPY_RECEIVE
});
constexpr auto kGetSocketOption = AllWith(kUnreadable, Refuse(ENOPROTOOPT));

}  // namespace

absl::Span<const Check> SetSocketOption() { return kSetSocketOption; }
absl::Span<const Check> GetSocketOption() { return kGetSocketOption; }

}  // namespace moat::sentry::checks
