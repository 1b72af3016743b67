#include "sentry/syscalls/open_how.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "sentry/syscalls/guest_struct.h"

namespace moat::sentry {
namespace {

// glibc has O_LARGEFILE as 0 on x86-64; the kernel's bit may still be given.
constexpr uint64_t kLargeFile = 0100000;
constexpr uint64_t kTmpFileBit = O_TMPFILE & ~O_DIRECTORY;
constexpr uint64_t kValidFlags =
    O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC |
    O_DIRECT | kLargeFile | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | kTmpFileBit;
constexpr uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr uint64_t kValidResolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                                   RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
constexpr uint32_t kAllModeBits = 07777;

bool WillCreate(uint64_t flags) { return (flags & (O_CREAT | kTmpFileBit)) != 0; }

}  // namespace

open_how LegacyOpenHow(uint32_t flags, uint32_t mode) {
  open_how how{};
  how.flags = flags & kValidFlags;
  if ((how.flags & O_PATH) != 0) how.flags &= kPathFlags;
  if (WillCreate(how.flags)) how.mode = mode & kAllModeBits;
  return how;
}

Result<open_how> ReadOpenHow(Call& call, platform::GuestAddr address, uint64_t size) {
  constexpr size_t kFirstSize = 24;  // OPEN_HOW_SIZE_VER0
  return ReadSizedStruct<open_how>(call, address, size, kFirstSize);
}

Result<void> CheckOpenHow(const open_how& how) {
  const Errno invalid(EINVAL);
  if ((how.flags & ~kValidFlags) != 0 || (how.resolve & ~kValidResolve) != 0) return invalid;
  if ((how.resolve & RESOLVE_BENEATH) != 0 && (how.resolve & RESOLVE_IN_ROOT) != 0) return invalid;
  if (WillCreate(how.flags) ? (how.mode & ~uint64_t{kAllModeBits}) != 0 : how.mode != 0) {
    return invalid;
  }
  if ((how.flags & O_DIRECTORY) != 0 && (how.flags & O_CREAT) != 0) return invalid;  // Linux 6.4
  if ((how.flags & kTmpFileBit) != 0) {
    if ((how.flags & O_DIRECTORY) == 0 || (how.flags & O_ACCMODE) == O_RDONLY) return invalid;
  }
  if ((how.flags & O_PATH) != 0 && (how.flags & ~kPathFlags) != 0) return invalid;
  if ((how.resolve & RESOLVE_CACHED) != 0 && (how.flags & (O_TRUNC | O_CREAT | kTmpFileBit)) != 0) {
    return Errno(EAGAIN);
  }
  return {};
}

}  // namespace moat::sentry
