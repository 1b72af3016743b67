// What the kernel leaves in the memory of a program that has not run yet (System V ABI for AMD64,
// 3.4.1). The memory is the workload's: another process of it may be writing there, so what is
// found is only ever used in the task's own context.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_INITIAL_STACK_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_INITIAL_STACK_H_

#include <sys/types.h>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/result.h"
#include "platform/platform.h"

namespace moat::platform::seccomp_notify {

// Copies from the program's memory, as Platform::Read.
using ReadMemory = absl::FunctionRef<Result<size_t>(GuestAddr from, absl::Span<std::byte> to)>;

struct AuxiliaryVector {
  GuestAddr vdso;             // AT_SYSINFO_EHDR; null when there is none
  GuestAddr exec_name_entry;  // where the value of AT_EXECFN stands; null when there is none
  GuestAddr secure_entry;     // the same of AT_SECURE
};

// `top` is the stack pointer at entry. EFAULT when there is no such vector.
Result<AuxiliaryVector> FindAuxiliaryVector(GuestAddr top, ReadMemory read);

// The address of a `syscall` instruction in the vdso. ENOENT.
Result<GuestAddr> FindSyscallInstruction(GuestAddr vdso, ReadMemory read);

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_INITIAL_STACK_H_
