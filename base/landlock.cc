#include "base/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/linux_abi/landlock.h"
#include "base/status.h"

namespace moat {
namespace {

using linux_abi::LandlockRulesetAttr;

// All but execute and read, which an exec of a descriptor needs; write, which mq_open(2) needs, as
// its files have names of their own file system; and device requests, which the system call filter
// lists.
constexpr uint64_t kChanges = LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                              LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                              LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                              LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// 0: no Landlock, by build or by boot.
long SupportedAbi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : abi;
}

// Everything that `rules` handles is denied, but for connections to `tcp_ports`.
absl::Status Deny(const LandlockRulesetAttr& rules, const std::vector<uint16_t>& tcp_ports = {}) {
  const Fd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0)));
  if (!ruleset) return ErrnoStatus(errno, "landlock_create_ruleset", "");
  for (const uint16_t port : tcp_ports) {
    const linux_abi::LandlockNetPortAttr rule = {linux_abi::kLandlockConnectTcp, port};
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), linux_abi::kLandlockRuleNetPort, &rule, 0) <
        0) {
      return ErrnoStatus(errno, "landlock_add_rule", "a TCP port");
    }
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0) {
    return ErrnoStatus(errno, "landlock_restrict_self", "");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status GiveUpChangingNames() {
  const long abi = SupportedAbi();
  if (abi < 1) return absl::OkStatus();
  LandlockRulesetAttr rules = {.handled_access_fs = kChanges};
  if (abi >= 2) rules.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rules.handled_access_fs |= linux_abi::kLandlockTruncate;
  return Deny(rules);
}

absl::Status GiveUpReachingOthers(const std::vector<uint16_t>& tcp_ports) {
  const long abi = SupportedAbi();
  if (abi < 4) return absl::OkStatus();
  LandlockRulesetAttr rules = {};
  rules.handled_access_net = linux_abi::kLandlockBindTcp | linux_abi::kLandlockConnectTcp;
  if (abi >= 6) {
    rules.scoped = linux_abi::kLandlockScopeAbstractSockets | linux_abi::kLandlockScopeSignals;
  }
  return Deny(rules, tcp_ports);
}

}  // namespace moat
