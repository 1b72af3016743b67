#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "platform/guest_copy.h"

namespace moat::platform {
namespace {

constexpr uint64_t kPageSize = 4096;
constexpr size_t kPagesPerCall = 64;

using VectorCall = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long,
                               unsigned long);

// The task's side of one call: process_vm_readv(2) promises partial copies only between elements,
// so each is one page.
struct Pages {
  std::array<iovec, kPagesPerCall> vectors;
  size_t count = 0;
  size_t bytes = 0;
};

Pages SplitAtPages(uint64_t address, size_t size) {
  Pages pages;
  while (size > 0 && pages.count < kPagesPerCall) {
    const size_t part = std::min<size_t>(size, kPageSize - address % kPageSize);
    pages.vectors[pages.count++] = {reinterpret_cast<void*>(address), part};
    pages.bytes += part;
    address += part;
    size -= part;
  }
  return pages;
}

Result<size_t> Copy(VectorCall call, pid_t tid, uint64_t remote, void* local, size_t size) {
  // An address that wraps around is one that no task has.
  if (size > UINT64_MAX - remote) return Errno(EFAULT);
  size_t done = 0;
  while (done < size) {
    const Pages pages = SplitAtPages(remote + done, size - done);
    const iovec here = {static_cast<char*>(local) + done, pages.bytes};
    const ssize_t copied = call(tid, &here, 1, pages.vectors.data(), pages.count, 0);
    if (copied < 0) {
      if (done > 0) return done;
      return Errno(errno == ESRCH ? ESRCH : EFAULT);
    }
    done += static_cast<size_t>(copied);
    if (static_cast<size_t>(copied) < pages.bytes) break;
  }
  return done;
}

}  // namespace

Result<size_t> CopyFromGuest(pid_t tid, GuestAddr from, absl::Span<std::byte> to) {
  return Copy(::process_vm_readv, tid, from.value(), to.data(), to.size());
}

Result<size_t> CopyToGuest(pid_t tid, GuestAddr to, absl::Span<const std::byte> from) {
  return Copy(::process_vm_writev, tid, to.value(), const_cast<std::byte*>(from.data()),
              from.size());
}

}  // namespace moat::platform
