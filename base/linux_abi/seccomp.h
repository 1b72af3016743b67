// Seccomp constants that Debian 12's kernel headers (6.1) lack. Source:
// include/uapi/linux/seccomp.h, Linux 6.6.
#ifndef MOAT_BASE_LINUX_ABI_SECCOMP_H_
#define MOAT_BASE_LINUX_ABI_SECCOMP_H_

#include <linux/seccomp.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#endif  // MOAT_BASE_LINUX_ABI_SECCOMP_H_
