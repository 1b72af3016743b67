// Names: mkdir, mknod, rmdir, unlink, rename, link, symlink, readlink and their ...at forms.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "sentry/fs/attributes.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/two_paths.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;

Outcome Mkdir(Call& call, int dirfd, GuestAddr path, uint32_t mode) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path));
  return ChangePath(call, where, gofer::Follow::kNo,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Mkdir(caller.credentials, place.ref(), mode);
                    });
}

// fs/namei.c, may_mknod.
Result<void> CheckNodeType(uint32_t mode) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return {};
    case S_IFDIR:
      return Errno(EPERM);
    default:
      return Errno(EINVAL);
  }
}

Outcome Mknod(Call& call, int dirfd, GuestAddr path, uint32_t mode, uint32_t device) {
  TRY(CheckNodeType(mode));
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path));
  return ChangePath(call, where, gofer::Follow::kNo,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Mknod(caller.credentials, place.ref(), mode, device);
                    });
}

Outcome Unlink(Call& call, int dirfd, GuestAddr path, int at_flags) {
  if ((at_flags & ~AT_REMOVEDIR) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path));
  return ChangePath(call, where, gofer::Follow::kNo,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Unlink(caller.credentials, place.ref(), at_flags);
                    });
}

struct PathPointer {
  int dirfd;
  GuestAddr path;
};

Outcome Rename(Call& call, PathPointer from, PathPointer to, uint32_t flags) {
  constexpr uint32_t kValid = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if ((flags & ~kValid) != 0) return Errno(EINVAL);
  if (exchange && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg old_path, ReadPathArg(call, from.dirfd, from.path));
  TRY_ASSIGN(const PathArg new_path, ReadPathArg(call, to.dirfd, to.path));
  return RenamePaths(call, old_path, new_path, flags);
}

Outcome Link(Call& call, PathPointer from, PathPointer to, int at_flags) {
  if ((at_flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg old_path, ReadPathArg(call, from.dirfd, from.path, at_flags));
  TRY_ASSIGN(const PathArg new_path, ReadPathArg(call, to.dirfd, to.path));
  return LinkPaths(call, old_path, new_path, at_flags);
}

Outcome Symlink(Call& call, GuestAddr target, PathPointer link) {
  TRY_ASSIGN(const std::string text, call.ReadPath(target));
  if (text.empty()) return Errno(ENOENT);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, link.dirfd, link.path));
  return ChangePath(call, where, gofer::Follow::kNo,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Symlink(caller.credentials, text, place.ref());
                    });
}

Outcome Readlink(Call& call, PathPointer link, GuestAddr to, int size) {
  if (size <= 0) return Errno(EINVAL);
  if (link.path.null()) return Errno(EFAULT);
  // An empty path names a symbolic link by its O_PATH descriptor (readlink(2), since 2.6.39).
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, link.dirfd, link.path, AT_EMPTY_PATH));
  TRY_ASSIGN(std::string text, ReadLinkPath(call, where));
  text.resize(std::min(text.size(), static_cast<size_t>(size)));
  TRY(call.WriteBytes(to, text));
  return Value{static_cast<int64_t>(text.size())};
}

}  // namespace

Outcome SysMkdir(Call& call) { return Mkdir(call, AT_FDCWD, call.AddrArg(0), call.UintArg(1)); }

Outcome SysMkdirat(Call& call) {
  return Mkdir(call, call.FdArg(0), call.AddrArg(1), call.UintArg(2));
}

Outcome SysMknod(Call& call) {
  return Mknod(call, AT_FDCWD, call.AddrArg(0), call.UintArg(1), call.UintArg(2));
}

Outcome SysMknodat(Call& call) {
  return Mknod(call, call.FdArg(0), call.AddrArg(1), call.UintArg(2), call.UintArg(3));
}

Outcome SysRmdir(Call& call) { return Unlink(call, AT_FDCWD, call.AddrArg(0), AT_REMOVEDIR); }

Outcome SysUnlink(Call& call) { return Unlink(call, AT_FDCWD, call.AddrArg(0), 0); }

Outcome SysUnlinkat(Call& call) {
  return Unlink(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2));
}

Outcome SysRename(Call& call) {
  return Rename(call, {AT_FDCWD, call.AddrArg(0)}, {AT_FDCWD, call.AddrArg(1)}, 0);
}

Outcome SysRenameat(Call& call) {
  return Rename(call, {call.FdArg(0), call.AddrArg(1)}, {call.FdArg(2), call.AddrArg(3)}, 0);
}

Outcome SysRenameat2(Call& call) {
  return Rename(call, {call.FdArg(0), call.AddrArg(1)}, {call.FdArg(2), call.AddrArg(3)},
                call.UintArg(4));
}

Outcome SysLink(Call& call) {
  return Link(call, {AT_FDCWD, call.AddrArg(0)}, {AT_FDCWD, call.AddrArg(1)}, 0);
}

Outcome SysLinkat(Call& call) {
  return Link(call, {call.FdArg(0), call.AddrArg(1)}, {call.FdArg(2), call.AddrArg(3)},
              call.IntArg(4));
}

Outcome SysSymlink(Call& call) {
  return Symlink(call, call.AddrArg(0), {AT_FDCWD, call.AddrArg(1)});
}

Outcome SysSymlinkat(Call& call) {
  return Symlink(call, call.AddrArg(0), {call.FdArg(1), call.AddrArg(2)});
}

Outcome SysReadlink(Call& call) {
  return Readlink(call, {AT_FDCWD, call.AddrArg(0)}, call.AddrArg(1), call.IntArg(2));
}

Outcome SysReadlinkat(Call& call) {
  return Readlink(call, {call.FdArg(0), call.AddrArg(1)}, call.AddrArg(2), call.IntArg(3));
}

}  // namespace moat::sentry
