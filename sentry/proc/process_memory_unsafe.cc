// Reads the workload's memory: the one place of this folder where a guest address becomes a
// pointer, and only for the kernel to take.
#include <sys/uio.h>

#include <algorithm>

#include "sentry/proc/process_source.h"

namespace moat::sentry {
namespace {

constexpr uint64_t kMemoryLimit = uint64_t{16} << 20;

}  // namespace

Result<std::string> ProcessSource::ReadMemory(pid_t pid, uint64_t from, uint64_t to) const {
  if (to <= from) return std::string();
  TRY_ASSIGN(const pid_t number, ToSentryNumber(pid));
  std::string bytes(std::min(to - from, kMemoryLimit), '\0');
  const iovec local{bytes.data(), bytes.size()};
  const iovec remote{reinterpret_cast<void*>(from), bytes.size()};
  const ssize_t size = process_vm_readv(number, &local, 1, &remote, 1, 0);
  if (size < 0) return Errno::Last();
  bytes.resize(static_cast<size_t>(size));
  return bytes;
}

}  // namespace moat::sentry
