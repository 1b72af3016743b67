#include "sentry/syscalls/argument_checks.h"

#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

// SOCK_TYPE_MASK of the kernel; the rest of the type argument is SOCK_NONBLOCK and SOCK_CLOEXEC.
constexpr uint32_t kTypeMask = 0xf;
constexpr Condition TypeIs(uint32_t type) { return {1, kTypeMask, type}; }

constexpr Condition kUnix[] = {IntIs(0, AF_UNIX)};
constexpr Condition kTcp4[] = {IntIs(0, AF_INET), TypeIs(SOCK_STREAM), IntIs(2, 0)};
constexpr Condition kTcp4Named[] = {IntIs(0, AF_INET), TypeIs(SOCK_STREAM), IntIs(2, IPPROTO_TCP)};
constexpr Condition kTcp6[] = {IntIs(0, AF_INET6), TypeIs(SOCK_STREAM), IntIs(2, 0)};
constexpr Condition kTcp6Named[] = {IntIs(0, AF_INET6), TypeIs(SOCK_STREAM), IntIs(2, IPPROTO_TCP)};
constexpr Condition kUdp4[] = {IntIs(0, AF_INET), TypeIs(SOCK_DGRAM), IntIs(2, 0)};
constexpr Condition kUdp4Named[] = {IntIs(0, AF_INET), TypeIs(SOCK_DGRAM), IntIs(2, IPPROTO_UDP)};
constexpr Condition kUdp6[] = {IntIs(0, AF_INET6), TypeIs(SOCK_DGRAM), IntIs(2, 0)};
constexpr Condition kUdp6Named[] = {IntIs(0, AF_INET6), TypeIs(SOCK_DGRAM), IntIs(2, IPPROTO_UDP)};
// "ping" sockets: an unprivileged echo request (icmp(7), net.ipv4.ping_group_range).
constexpr Condition kPing4[] = {IntIs(0, AF_INET), TypeIs(SOCK_DGRAM), IntIs(2, IPPROTO_ICMP)};
constexpr Condition kPing6[] = {IntIs(0, AF_INET6), TypeIs(SOCK_DGRAM), IntIs(2, IPPROTO_ICMPV6)};
constexpr Condition kRouteNetlink[] = {IntIs(0, AF_NETLINK), IntIs(2, NETLINK_ROUTE)};
constexpr Condition kRaw4[] = {IntIs(0, AF_INET), TypeIs(SOCK_RAW)};
constexpr Condition kRaw6[] = {IntIs(0, AF_INET6), TypeIs(SOCK_RAW)};
constexpr Condition kAnyInet4[] = {IntIs(0, AF_INET)};
constexpr Condition kAnyInet6[] = {IntIs(0, AF_INET6)};
constexpr Condition kAnyNetlink[] = {IntIs(0, AF_NETLINK)};

constexpr Check kSocket[] = {
    {kUnix, kNative},
    {kTcp4, kNative},
    {kTcp4Named, kNative},
    {kTcp6, kNative},
    {kTcp6Named, kNative},
    {kUdp4, kNative},
    {kUdp4Named, kNative},
    {kUdp6, kNative},
    {kUdp6Named, kNative},
    {kPing4, kNative},
    {kPing6, kNative},
    {kRouteNetlink, kNative},
    {kRaw4, Refuse(EPERM)},
    {kRaw6, Refuse(EPERM)},
    // Multipath TCP, SCTP and the like: programs fall back to TCP on this answer.
    {kAnyInet4, Refuse(EPROTONOSUPPORT)},
    {kAnyInet6, Refuse(EPROTONOSUPPORT)},
    {kAnyNetlink, Refuse(EPROTONOSUPPORT)},
};

// The families that there are have no pairs; the others do not exist.
constexpr Check kSocketPair[] = {
    {kUnix, kNative}, {kAnyInet4, Refuse(EOPNOTSUPP)}, {kAnyInet6, Refuse(EOPNOTSUPP)}};

constexpr Condition kUrgent[] = {{3, MSG_OOB, MSG_OOB}};
constexpr Condition kZeroCopy[] = {{3, MSG_ZEROCOPY, MSG_ZEROCOPY}};
constexpr Condition kNoAddress[] = {LongIs(4, 0)};
constexpr Check kSendTo[] = {
    {kUrgent, Refuse(EOPNOTSUPP)}, {kZeroCopy, Refuse(EINVAL)}, {kNoAddress, kNative}};

constexpr uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
// clone(2) takes its exit signal in the low byte, where CLONE_NEWTIME (0x80) lies: no flag there.
constexpr Condition kCloneHarmless[] = {BitsClear(0, kNewNamespaces)};
// Two processes, not threads, that share a file system context and with it the umask.
constexpr Condition kCloneSharesFiles[] = {{0, kNewNamespaces | CLONE_FS | CLONE_THREAD, CLONE_FS}};
constexpr Check kClone[] = {{kCloneSharesFiles, kNotify}, {kCloneHarmless, kNative}};
constexpr Condition kUnshareHarmless[] = {BitsClear(0, kNewNamespaces | CLONE_NEWTIME)};
constexpr Check kUnshare[] = {{kUnshareHarmless, kNative}};

// TIOCSTI and TIOCLINUX type into the caller's terminal, which outlives the container; TIOCSETD
// loads line disciplines; TIOCCONS takes the console; pidfd and nsfs requests hand out namespaces.
constexpr AllowList kIoctlRequests(1, {TCGETS,
                                       TCSETS,
                                       TCSETSW,
                                       TCSETSF,
                                       TCGETA,
                                       TCSETA,
                                       TCSETAW,
                                       TCSETAF,
                                       TCSBRK,
                                       TCSBRKP,
                                       TCXONC,
                                       TCFLSH,
                                       TIOCEXCL,
                                       TIOCNXCL,
                                       TIOCGEXCL,
                                       TIOCSCTTY,
                                       TIOCNOTTY,
                                       TIOCGPGRP,
                                       TIOCSPGRP,
                                       TIOCGSID,
                                       TIOCOUTQ,
                                       TIOCGWINSZ,
                                       TIOCSWINSZ,
                                       TIOCGETD,
                                       TIOCPKT,
                                       TIOCGPKT,
                                       TIOCGPTN,
                                       TIOCSPTLCK,
                                       TIOCGPTLCK,
                                       TIOCGPTPEER,
                                       TIOCGLCKTRMIOS,
                                       0x802c542a /* TCGETS2 */,
                                       0x402c542b /* TCSETS2 */,
                                       0x402c542c /* TCSETSW2 */,
                                       0x402c542d /* TCSETSF2 */,
                                       FIONREAD,
                                       FIONBIO,
                                       FIOASYNC,
                                       FIOCLEX,
                                       FIONCLEX,
                                       FIOQSIZE,
                                       FIGETBSZ,
                                       FICLONE,
                                       FICLONERANGE,
                                       FS_IOC_GETFLAGS,
                                       FS_IOC_SETFLAGS,
                                       FS_IOC_FSGETXATTR,
                                       RNDGETENTCNT,
                                       SIOCATMARK,
                                       SIOCOUTQNSD,
                                       SIOCGIFNAME,
                                       SIOCGIFCONF,
                                       SIOCGIFFLAGS,
                                       SIOCGIFADDR,
                                       SIOCGIFDSTADDR,
                                       SIOCGIFBRDADDR,
                                       SIOCGIFNETMASK,
                                       SIOCGIFMETRIC,
                                       SIOCGIFMTU,
                                       SIOCGIFHWADDR,
                                       SIOCGIFINDEX,
                                       SIOCGIFTXQLEN,
                                       SIOCGIFMAP});
// The kernel asks for CAP_SYS_ADMIN over the file system before it looks whether it can; programs
// (ostree) take that answer for "not here", and no other.
constexpr AllowList kFreezing(1, {FIFREEZE, FITHAW});

template <size_t N, size_t M>
constexpr std::array<Check, N + M> RefusedElseNative(const AllowList<N>& refused, int error,
                                                     const AllowList<M>& native) {
  std::array<Check, N + M> checks{};
  for (size_t i = 0; i < N; ++i) {
    checks[i] = {absl::MakeConstSpan(&refused.conditions[i], 1), Refuse(error)};
  }
  const auto others = NativeWhenListed(native);
  for (size_t i = 0; i < M; ++i) checks[N + i] = others[i];
  return checks;
}
constexpr auto kIoctl = RefusedElseNative(kFreezing, EPERM, kIoctlRequests);

// Missing on purpose: PR_SET_MM (rewrites what /proc tells), PR_SET_SYSCALL_USER_DISPATCH (takes
// calls away before the filter sees them, those of a session too), PR_SCHED_CORE,
// PR_SET_IO_FLUSHER.
constexpr AllowList kPrctlOptions(0, {PR_SET_PDEATHSIG,
                                      PR_GET_PDEATHSIG,
                                      PR_GET_DUMPABLE,
                                      PR_SET_DUMPABLE,
                                      PR_GET_KEEPCAPS,
                                      PR_SET_KEEPCAPS,
                                      PR_GET_TIMING,
                                      PR_SET_TIMING,
                                      PR_SET_NAME,
                                      PR_GET_NAME,
                                      PR_GET_SECCOMP,
                                      PR_CAPBSET_READ,
                                      PR_CAPBSET_DROP,
                                      PR_GET_TSC,
                                      PR_SET_TSC,
                                      PR_GET_SECUREBITS,
                                      PR_SET_SECUREBITS,
                                      PR_SET_TIMERSLACK,
                                      PR_GET_TIMERSLACK,
                                      PR_MCE_KILL,
                                      PR_MCE_KILL_GET,
                                      PR_SET_CHILD_SUBREAPER,
                                      PR_GET_CHILD_SUBREAPER,
                                      PR_SET_NO_NEW_PRIVS,
                                      PR_GET_NO_NEW_PRIVS,
                                      PR_SET_THP_DISABLE,
                                      PR_GET_THP_DISABLE,
                                      PR_CAP_AMBIENT,
                                      PR_GET_SPECULATION_CTRL,
                                      PR_SET_SPECULATION_CTRL,
                                      65 /* PR_SET_MDWE */,
                                      66 /* PR_GET_MDWE */,
                                      PR_SET_VMA,
                                      PR_SET_PTRACER,
                                      0x41555856 /* PR_GET_AUXV */});
constexpr Condition kAddFilter[] = {IntIs(0, PR_SET_SECCOMP)};
constexpr auto kPrctl = ThenNotify(NativeWhenListed(kPrctlOptions), kAddFilter);

constexpr AllowList kArchPrctlOptions(
    0, {ARCH_SET_GS, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_CPUID, ARCH_SET_CPUID,
        0x1021 /* ARCH_GET_XCOMP_SUPP */, 0x1022 /* ARCH_GET_XCOMP_PERM */,
        0x1023 /* ARCH_REQ_XCOMP_PERM */, 0x5001 /* ARCH_SHSTK_ENABLE */,
        0x5002 /* ARCH_SHSTK_DISABLE */, 0x5003 /* ARCH_SHSTK_LOCK */,
        0x5005 /* ARCH_SHSTK_STATUS */});
constexpr auto kArchPrctl = NativeWhenListed(kArchPrctlOptions);

// READ_IMPLIES_EXEC, MMAP_PAGE_ZERO and foreign personalities (some load code) are refused.
constexpr AllowList kPersonas(0, {PER_LINUX, PER_LINUX32, UNAME26, uint32_t{PER_LINUX32} | UNAME26,
                                  ADDR_NO_RANDOMIZE, 0xffffffff});
constexpr auto kPersonality = NativeWhenListed(kPersonas);

constexpr Condition kRewind[] = {LongIs(1, 0), IntIs(2, SEEK_SET)};
constexpr Check kSeek[] = {{kRewind, kNotify}};

// fd >= 0 as a 32-bit number, and no flag but AT_EMPTY_PATH: glibc's fstat. With a path behind the
// pointer all the same, the kernel walks it from a directory of the container's own tree under the
// caller's own credentials, or from the empty root.
constexpr uint64_t kSignBit = uint64_t{1} << 31;
constexpr Condition kFstat[] = {BitsClear(0, kSignBit), IntIs(3, AT_EMPTY_PATH)};
constexpr Check kStatOfDescriptor[] = {{kFstat, kNative}};
constexpr Condition kFstatx[] = {BitsClear(0, kSignBit), IntIs(2, AT_EMPTY_PATH)};
constexpr Check kStatxOfDescriptor[] = {{kFstatx, kNative}};

// Without a path the descriptor itself is meant (futimens(3)).
constexpr Condition kNoPath[] = {LongIs(1, 0)};
constexpr Check kTimesOfDescriptor[] = {{kNoPath, kNative}};

}  // namespace

absl::Span<const Check> Socket() { return kSocket; }
absl::Span<const Check> SocketPair() { return kSocketPair; }
absl::Span<const Check> SendTo() { return kSendTo; }
absl::Span<const Check> Clone() { return kClone; }
absl::Span<const Check> Unshare() { return kUnshare; }
absl::Span<const Check> Ioctl() { return kIoctl; }
absl::Span<const Check> Prctl() { return kPrctl; }
absl::Span<const Check> ArchPrctl() { return kArchPrctl; }
absl::Span<const Check> Personality() { return kPersonality; }
absl::Span<const Check> Seek() { return kSeek; }
absl::Span<const Check> StatOfDescriptor() { return kStatOfDescriptor; }
absl::Span<const Check> StatxOfDescriptor() { return kStatxOfDescriptor; }
absl::Span<const Check> TimesOfDescriptor() { return kTimesOfDescriptor; }

}  // namespace moat::sentry::checks
