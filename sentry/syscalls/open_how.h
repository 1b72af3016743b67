// The arguments of open(2), openat(2) and openat2(2), checked as the kernel does before it looks at
// the path (fs/open.c: build_open_how, build_open_flags).
#ifndef MOAT_SENTRY_SYSCALLS_OPEN_HOW_H_
#define MOAT_SENTRY_SYSCALLS_OPEN_HOW_H_

#include <linux/openat2.h>

#include <cstdint>

#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// From open's arguments: unknown flags and a mode that creates nothing are ignored.
open_how LegacyOpenHow(uint32_t flags, uint32_t mode);

// Copies openat2's structure. EINVAL when `size` is too small, E2BIG when it is larger than a page
// or holds something newer than we know, EFAULT.
Result<open_how> ReadOpenHow(Call& call, platform::GuestAddr address, uint64_t size);

// EINVAL for a combination that no open accepts.
Result<void> CheckOpenHow(const open_how& how);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_OPEN_HOW_H_
