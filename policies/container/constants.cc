#include "policies/container/constants.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

namespace moat::policies {
namespace {

struct Name {
  absl::string_view name;
  uint64_t value;
};

#define MOAT_NAME(constant) \
  { #constant, static_cast < uint64_t>(constant) }

constexpr Name kConstants[] = {
    MOAT_NAME(AF_UNIX),        MOAT_NAME(AF_INET),        MOAT_NAME(AF_INET6),
    MOAT_NAME(AF_NETLINK),     MOAT_NAME(SOCK_STREAM),    MOAT_NAME(SOCK_DGRAM),
    MOAT_NAME(SOCK_SEQPACKET), MOAT_NAME(SOL_SOCKET),     MOAT_NAME(PROT_READ),
    MOAT_NAME(PROT_WRITE),     MOAT_NAME(PROT_EXEC),      MOAT_NAME(MAP_SHARED),
    MOAT_NAME(MAP_PRIVATE),    MOAT_NAME(MAP_FIXED),      MOAT_NAME(MAP_ANONYMOUS),
    MOAT_NAME(MAP_GROWSDOWN),  MOAT_NAME(MAP_HUGETLB),    MOAT_NAME(CLONE_VM),
    MOAT_NAME(CLONE_FS),       MOAT_NAME(CLONE_FILES),    MOAT_NAME(CLONE_THREAD),
    MOAT_NAME(CLONE_VFORK),    MOAT_NAME(CLONE_PTRACE),   MOAT_NAME(FUTEX_WAIT),
    MOAT_NAME(FUTEX_WAKE),     MOAT_NAME(FUTEX_FD),       MOAT_NAME(FUTEX_REQUEUE),
    MOAT_NAME(FUTEX_LOCK_PI),  MOAT_NAME(FUTEX_WAKE_OP),  MOAT_NAME(TIOCSTI),
    MOAT_NAME(TIOCLINUX),      MOAT_NAME(TIOCSCTTY),      MOAT_NAME(TCGETS),
    MOAT_NAME(TCSETS),         MOAT_NAME(FIONREAD),       MOAT_NAME(F_SETLEASE),
    MOAT_NAME(F_NOTIFY),       MOAT_NAME(F_SETOWN),       MOAT_NAME(PR_SET_DUMPABLE),
    MOAT_NAME(PR_SET_NAME),    MOAT_NAME(PR_SET_PTRACER), MOAT_NAME(MADV_DONTNEED),
    MOAT_NAME(MADV_FREE),      MOAT_NAME(MADV_HUGEPAGE),  MOAT_NAME(RLIMIT_NOFILE),
};

constexpr Name kErrors[] = {
    MOAT_NAME(EPERM),  MOAT_NAME(ENOENT), MOAT_NAME(EINTR),           MOAT_NAME(EIO),
    MOAT_NAME(EAGAIN), MOAT_NAME(ENOMEM), MOAT_NAME(EACCES),          MOAT_NAME(EBUSY),
    MOAT_NAME(ENODEV), MOAT_NAME(EINVAL), MOAT_NAME(ENOTTY),          MOAT_NAME(EROFS),
    MOAT_NAME(EPIPE),  MOAT_NAME(ENOSYS), MOAT_NAME(ENOPROTOOPT),     MOAT_NAME(EPROTONOSUPPORT),
    MOAT_NAME(E2BIG),  MOAT_NAME(EBADF),  MOAT_NAME(EAFNOSUPPORT),    MOAT_NAME(EOPNOTSUPP),
    MOAT_NAME(ESRCH),  MOAT_NAME(ENXIO),  MOAT_NAME(ESOCKTNOSUPPORT), MOAT_NAME(ECONNREFUSED),
};

#undef MOAT_NAME

}  // namespace

std::optional<uint64_t> PolicyConstant(absl::string_view name) {
  for (const Name& known : kConstants) {
    if (known.name == name) return known.value;
  }
  return std::nullopt;
}

std::optional<int> PolicyErrno(absl::string_view name) {
  for (const Name& known : kErrors) {
    if (known.name == name) return static_cast<int>(known.value);
  }
  return std::nullopt;
}

}  // namespace moat::policies
