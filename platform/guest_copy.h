// Copies between this process and a task's memory (process_vm_readv(2)), page by page.
#ifndef MOAT_PLATFORM_GUEST_COPY_H_
#define MOAT_PLATFORM_GUEST_COPY_H_

#include <sys/types.h>

#include <cstddef>

#include "absl/types/span.h"
#include "base/result.h"
#include "platform/platform.h"

namespace moat::platform {

// As Platform::Read and Platform::Write. The memory's protection is honoured: a page that the task
// could not read or write counts as missing. Thread-safe.
Result<size_t> CopyFromGuest(pid_t tid, GuestAddr from, absl::Span<std::byte> to);
Result<size_t> CopyToGuest(pid_t tid, GuestAddr to, absl::Span<const std::byte> from);

}  // namespace moat::platform

#endif  // MOAT_PLATFORM_GUEST_COPY_H_
