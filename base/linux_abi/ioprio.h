// I/O priorities (ioprio_set(2)). The kernel's own header cannot be included: since 6.1.192,
// Debian's linux/ioprio.h has a parameter named `class`, which is no C++. Source:
// include/uapi/linux/ioprio.h, Linux 6.18.
#ifndef MOAT_BASE_LINUX_ABI_IOPRIO_H_
#define MOAT_BASE_LINUX_ABI_IOPRIO_H_

namespace moat::linux_abi {

inline constexpr int kIoprioWhoProcess = 1;

inline constexpr int kIoprioClassRealTime = 1;
inline constexpr int kIoprioClassBestEffort = 2;
inline constexpr int kIoprioClassIdle = 3;
// A priority is its class shifted by this, and the level.
inline constexpr int kIoprioClassShift = 13;

}  // namespace moat::linux_abi

#endif  // MOAT_BASE_LINUX_ABI_IOPRIO_H_
