// stat, lstat, newfstatat, statx, access, faccessat, faccessat2, statfs, fstatfs.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "sentry/container.h"
#include "sentry/fs/attributes.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;

constexpr int kStatFlags =
    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;

timespec TimeOf(const statx_timestamp& time) { return {time.tv_sec, time.tv_nsec}; }

// The older structure (include/uapi/asm/stat.h), which glibc shares with the kernel on x86-64.
struct stat ToStat(const struct statx& from) {
  struct stat to {};
  to.st_dev = makedev(from.stx_dev_major, from.stx_dev_minor);
  to.st_ino = from.stx_ino;
  to.st_nlink = from.stx_nlink;
  to.st_mode = from.stx_mode;
  to.st_uid = from.stx_uid;
  to.st_gid = from.stx_gid;
  to.st_rdev = makedev(from.stx_rdev_major, from.stx_rdev_minor);
  to.st_size = static_cast<off_t>(from.stx_size);
  to.st_blksize = from.stx_blksize;
  to.st_blocks = static_cast<blkcnt_t>(from.stx_blocks);
  to.st_atim = TimeOf(from.stx_atime);
  to.st_mtim = TimeOf(from.stx_mtime);
  to.st_ctim = TimeOf(from.stx_ctime);
  return to;
}

Outcome Stat(Call& call, int dirfd, GuestAddr path, GuestAddr to, int at_flags) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  if ((at_flags & ~kStatFlags) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const struct statx attributes, StatPath(call, where, at_flags, STATX_BASIC_STATS));
  TRY(call.WriteObject(to, ToStat(attributes)));
  return Value{0};
}

Outcome Access(Call& call, int dirfd, GuestAddr path, int mode, int at_flags) {
  if ((mode & ~(R_OK | W_OK | X_OK)) != 0) return Errno(EINVAL);
  if ((at_flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  TRY(CheckAccess(call, where, mode, at_flags));
  return Value{0};
}

}  // namespace

Outcome SysStat(Call& call) { return Stat(call, AT_FDCWD, call.AddrArg(0), call.AddrArg(1), 0); }

Outcome SysLstat(Call& call) {
  return Stat(call, AT_FDCWD, call.AddrArg(0), call.AddrArg(1), AT_SYMLINK_NOFOLLOW);
}

Outcome SysNewfstatat(Call& call) {
  return Stat(call, call.FdArg(0), call.AddrArg(1), call.AddrArg(2), call.IntArg(3));
}

Outcome SysStatx(Call& call) {
  const int at_flags = call.IntArg(2);
  const uint32_t mask = call.UintArg(3);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, call.FdArg(0), call.AddrArg(1), at_flags));
  if ((mask & STATX__RESERVED) != 0 || (at_flags & ~kStatFlags) != 0 ||
      (at_flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
    return Errno(EINVAL);
  }
  TRY_ASSIGN(const struct statx attributes, StatPath(call, where, at_flags, mask));
  TRY(call.WriteObject(call.AddrArg(4), attributes));
  return Value{0};
}

Outcome SysAccess(Call& call) { return Access(call, AT_FDCWD, call.AddrArg(0), call.IntArg(1), 0); }

Outcome SysFaccessat(Call& call) {
  return Access(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), 0);
}

Outcome SysFaccessat2(Call& call) {
  return Access(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), call.IntArg(3));
}

Outcome SysStatfs(Call& call) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, AT_FDCWD, call.AddrArg(0)));
  TRY_ASSIGN(const struct statfs answer, StatFsPath(call, where));
  TRY(call.WriteObject(call.AddrArg(1), answer));
  return Value{0};
}

Outcome SysFstatfs(Call& call) {
  TRY_ASSIGN(const Fd fd, call.TakeFd(call.FdArg(0)));
  struct statx attributes {};
  if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0) {
    return Errno::Last();
  }
  const long magic = call.container().tree->MagicOf(attributes);
  if (magic == 0) return ContinueNative();
  TRY(call.WriteObject(call.AddrArg(1), VirtualStatFs(magic)));
  return Value{0};
}

}  // namespace moat::sentry
