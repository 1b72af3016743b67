// Code that makes a program traced by its parent before its first instruction.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_TRACE_ME_CODE_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_TRACE_ME_CODE_H_

#include <cstddef>
#include <vector>

#include "platform/platform.h"

namespace moat::platform::seccomp_notify {

// x86-64, for any address: ptrace(PTRACE_TRACEME), and when that succeeded a SIGTRAP to itself;
// then on to `entry` with zero in the registers that it used, as a program begins.
std::vector<std::byte> TraceMeCode(GuestAddr entry);

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_TRACE_ME_CODE_H_
