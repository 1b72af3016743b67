// Results inside the kernel that never reach a program, but that a tracer and a seccomp supervisor
// give and see. Source: include/linux/errno.h, Linux 6.18.
#ifndef MOAT_BASE_LINUX_ABI_ERRNO_H_
#define MOAT_BASE_LINUX_ABI_ERRNO_H_

namespace moat::linux_abi {

// Restart unless a handler without SA_RESTART runs; then EINTR.
inline constexpr int kErestartSys = 512;
// Restart always.
inline constexpr int kErestartNoIntr = 513;
// Restart unless any handler runs.
inline constexpr int kErestartNoHand = 514;
// Restart by restart_syscall(2).
inline constexpr int kErestartRestartBlock = 516;

}  // namespace moat::linux_abi

#endif  // MOAT_BASE_LINUX_ABI_ERRNO_H_
