// Structures that carry their size, so that kernel and program may be of different age
// (copy_struct_from_user, include/linux/uaccess.h).
#ifndef MOAT_SENTRY_SYSCALLS_GUEST_STRUCT_H_
#define MOAT_SENTRY_SYSCALLS_GUEST_STRUCT_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// Copies `size` bytes to a T. EINVAL when less than `first_size` (of the structure's first
// version); E2BIG when more than a page, or when bytes behind T are not zero; EFAULT.
template <typename T>
Result<T> ReadSizedStruct(Call& call, platform::GuestAddr from, uint64_t size, size_t first_size) {
  static_assert(std::is_trivially_copyable_v<T>);
  constexpr uint64_t kPageSize = 4096;
  if (size < first_size) return Errno(EINVAL);
  if (size > kPageSize) return Errno(E2BIG);
  TRY_ASSIGN(const std::string bytes, call.ReadBytes(from, size));
  const size_t known = std::min(bytes.size(), sizeof(T));
  if (bytes.find_first_not_of('\0', known) != std::string::npos) return Errno(E2BIG);
  T object{};
  std::memcpy(&object, bytes.data(), known);
  return object;
}

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_GUEST_STRUCT_H_
