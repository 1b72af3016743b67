// Landlock constants that Debian 12's kernel headers (6.1) lack. Source:
// include/uapi/linux/landlock.h, Linux 6.18.
#ifndef MOAT_BASE_LINUX_ABI_LANDLOCK_H_
#define MOAT_BASE_LINUX_ABI_LANDLOCK_H_

#include <linux/landlock.h>

#include <cstdint>

namespace moat::linux_abi {

inline constexpr uint64_t kLandlockTruncate = uint64_t{1} << 14;  // ABI 3
inline constexpr uint64_t kLandlockIoctlDev = uint64_t{1} << 15;  // ABI 5
inline constexpr uint64_t kLandlockBindTcp = uint64_t{1} << 0;    // ABI 4
inline constexpr uint64_t kLandlockConnectTcp = uint64_t{1} << 1;
inline constexpr int kLandlockRuleNetPort = 2;
inline constexpr uint64_t kLandlockScopeAbstractSockets = uint64_t{1} << 0;  // ABI 6
inline constexpr uint64_t kLandlockScopeSignals = uint64_t{1} << 1;

// struct landlock_ruleset_attr as it is since ABI 6. Older kernels take it when the fields that
// they do not know are zero.
struct LandlockRulesetAttr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

// struct landlock_net_port_attr; the port is in host order.
struct LandlockNetPortAttr {
  uint64_t allowed_access;
  uint64_t port;
};

}  // namespace moat::linux_abi

#endif  // MOAT_BASE_LINUX_ABI_LANDLOCK_H_
