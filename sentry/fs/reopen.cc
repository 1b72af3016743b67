#include "sentry/fs/reopen.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sentry/container.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

using gofer::Failure;
using gofer::Opened;

int WantedAccess(uint64_t flags) {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return (flags & O_TRUNC) != 0 ? R_OK | W_OK : R_OK;
    case O_WRONLY:
      return W_OK;
    default:
      return R_OK | W_OK;
  }
}

// Whether the access mode of `fd` covers the one of `flags`.
bool ModeCovers(const Fd& fd, uint64_t flags) {
  const int held = ::fcntl(fd.get(), F_GETFL);
  if (held < 0 || (held & O_PATH) != 0) return false;
  const auto mode = static_cast<uint64_t>(held & O_ACCMODE);
  return mode == O_RDWR || mode == (flags & O_ACCMODE);
}

// Opens what `fd` refers to once more. By the directory and not by its name: a third of the cost.
Fd OpenByNumber(const Fd& fd, int flags) {
  static const Fd* const kDirectory =
      new Fd(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return Fd(::openat(kDirectory->get(), absl::StrCat(fd.get()).c_str(), flags));
}

Result<Fd> OpenAnew(const Fd& fd, uint64_t flags) {
  // Never waits for the other end of a FIFO: this thread could not be interrupted.
  constexpr uint64_t kDropped = O_CREAT | O_EXCL | O_NOFOLLOW;
  const auto kept = static_cast<int>((flags & ~kDropped) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  Fd opened = OpenByNumber(fd, kept);
  if (!opened && errno == EACCES && ModeCovers(fd, flags)) {
    opened.Reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!opened) return Errno::Last();
    return opened;
  }
  if (!opened) return Errno::Last();
  if ((flags & O_NONBLOCK) == 0) {
    ::fcntl(opened.get(), F_SETFL, ::fcntl(opened.get(), F_GETFL) & ~O_NONBLOCK);
  }
  return opened;
}

// Whether more than the mode may decide who reads the file (acl(5)).
bool MayHaveAccessList(const Fd& fd) {
  if (::fgetxattr(fd.get(), "system.posix_acl_access", nullptr, 0) >= 0) return true;
  return errno != ENODATA && errno != EOPNOTSUPP;
}

Result<Fd> Duplicate(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return Errno::Last();
  return copy;
}

Result<Opened> ReopenFile(Call& call, const Caller& caller, const TreePlace& place, uint64_t flags,
                          const struct statx& attributes) {
  if (S_ISSOCK(attributes.stx_mode)) return Errno(ENXIO);
  if ((flags & O_DIRECTORY) != 0) return Errno(ENOTDIR);
  auto access =
      call.gofer().Access(caller.credentials, place.ref(), WantedAccess(flags), AT_EMPTY_PATH);
  if (auto* failure = std::get_if<Failure>(&access)) return failure->error;
  TRY_ASSIGN(Fd fd, OpenAnew(*place.base, flags));
  return Opened{std::move(fd), attributes};
}

}  // namespace

gofer::Outcome<Opened> Reopen(Call& call, const Caller& caller, const TreePlace& place,
                              uint64_t flags) {
  struct statx attributes {};
  if (::statx(place.base->get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0) {
    return Failure{Errno::Last(), {}};
  }
  if ((flags & O_PATH) != 0) {
    auto copy = Duplicate(*place.base);
    if (!copy.ok()) return Failure{copy.error(), {}};
    return Opened{*std::move(copy), attributes};
  }
  if (S_ISDIR(attributes.stx_mode)) {
    gofer::PathRef here = place.ref();
    here.path = ".";
    return call.gofer().Open(caller.credentials, here, flags, 0, 0, nullptr);
  }
  auto opened = ReopenFile(call, caller, place, flags, attributes);
  if (!opened.ok()) return Failure{opened.error(), {}};
  return *std::move(opened);
}

Result<Fd> OpenBehind(Call& call, const Fd& path_only) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  struct stat wanted;
  if (::fstat(path_only.get(), &wanted) < 0) return Errno::Last();
  if (!S_ISREG(wanted.st_mode) && !S_ISDIR(wanted.st_mode)) return Errno(EBADF);
  Fd opened = OpenByNumber(path_only, kFlags);
  if (opened) return opened;
  if (errno != EACCES) return Errno::Last();
  TRY_ASSIGN(std::string name, call.container().tasks->NameOf(path_only));
  if (!absl::StartsWith(name, "/")) return Errno(EACCES);
  TRY_ASSIGN(auto found,
             OpenFile(call, {.where = {AT_FDCWD, std::move(name)}, .flags = kFlags | O_NOFOLLOW}));
  struct stat attributes;
  if (::fstat(found.fd.get(), &attributes) < 0) return Errno::Last();
  const bool same = attributes.st_dev == wanted.st_dev && attributes.st_ino == wanted.st_ino;
  if (!same) return Errno(EACCES);
  return std::move(found.fd);
}

Result<std::string> NameBehind(Call& call, const Caller& caller, const Fd& path_only) {
  struct statx wanted {};
  if (::statx(path_only.get(), "", AT_EMPTY_PATH, STATX_INO, &wanted) != 0) return Errno::Last();
  TRY_ASSIGN(std::string name, call.container().tasks->NameOf(path_only));
  if (!absl::StartsWith(name, "/")) return Errno(EBADF);
  const auto found =
      call.gofer().Stat(caller.credentials, {name, -1, -1}, AT_SYMLINK_NOFOLLOW, STATX_INO);
  const auto* attributes = std::get_if<struct statx>(&found);
  const bool same = attributes != nullptr && attributes->stx_ino == wanted.stx_ino &&
                    attributes->stx_dev_major == wanted.stx_dev_major &&
                    attributes->stx_dev_minor == wanted.stx_dev_minor;
  if (!same) return Errno(EBADF);
  return name;
}

bool MayOpenUnasked(uint64_t flags) {
  constexpr uint64_t kPlain =
      O_CLOEXEC | O_LARGEFILE | O_NOCTTY | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW;
  return (flags & ~kPlain) == O_RDONLY;
}

namespace {

enum class Right { kNone, kAsOwner, kAsAnybody };

// By which bits of a file's mode `caller` has all of `wanted` (S_IROTH, S_IXOTH) on it. The owner's
// are his, whatever an access control list says of others (acl(5), "ACCESS CHECK ALGORITHM");
// everybody's are only if there is none (MayHaveAccessList).
Right RightByMode(const gofer::Credentials& caller, mode_t mode, uid_t owner, unsigned wanted) {
  const auto holds = [mode](unsigned bits) { return (mode & bits) == bits; };
  const bool owns = owner == caller.uid && caller.uid != gofer::kOverflowUid;
  if (owns && holds(wanted << 6)) return Right::kAsOwner;
  return holds(wanted << 6 | wanted << 3 | wanted) ? Right::kAsAnybody : Right::kNone;
}

// Makes the last step: no further, and along no symbolic link. (O_NOFOLLOW would show in F_GETFL.)
// Somebody may have put something else there meanwhile: a FIFO must not keep us waiting.
Fd OpenByName(const gofer::Channel::Memory& known, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_NONBLOCK);
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  Fd opened(static_cast<int>(
      ::syscall(SYS_openat2, known.directory, known.name.c_str(), &how, sizeof(how))));
  const bool may_block = (flags & O_NONBLOCK) == 0;
  if (opened && may_block && ::fcntl(opened.get(), F_SETFL, flags) != 0) return Fd();
  return opened;
}

// By its name, which is the cheaper way, or by its descriptor.
Fd OpenKnown(const gofer::Channel::Memory& known, int flags) {
  if (known.directory >= 0) {
    Fd opened = OpenByName(known, flags);
    if (opened) return opened;
  }
  // F_GETFL shows O_NOFOLLOW, which this open can't have.
  const bool by_number = known.file && (flags & O_NOFOLLOW) == 0;
  return by_number ? OpenByNumber(*known.file, flags) : Fd();
}

// Opens it if `caller` has the right to do what is `wanted`. What was there before is looked at
// first, as other things than files and directories notice that they are opened; what is passed on
// is judged by what it is once it is open.
std::optional<Opened> OpenIfAllowed(const gofer::Credentials& caller,
                                    const gofer::Channel::Memory& known, uint64_t flags,
                                    unsigned wanted) {
  const auto suits = [&](mode_t mode, uid_t owner) {
    const bool right_type = S_ISREG(mode) || (S_ISDIR(mode) && wanted == S_IROTH);
    return right_type && RightByMode(caller, mode, owner, wanted) != Right::kNone;
  };
  if (!suits(known.mode, known.uid)) return std::nullopt;
  Opened opened;
  opened.fd = OpenKnown(known, static_cast<int>(flags) | O_CLOEXEC | O_NOCTTY);
  const struct statx& found = opened.attributes;
  constexpr unsigned kMask = STATX_BASIC_STATS | STATX_MNT_ID;
  if (!opened.fd || ::statx(opened.fd.get(), "", AT_EMPTY_PATH, kMask, &opened.attributes) != 0 ||
      !suits(found.stx_mode, found.stx_uid)) {
    return std::nullopt;
  }
  const Right right = RightByMode(caller, found.stx_mode, found.stx_uid, wanted);
  if (right == Right::kAsAnybody && MayHaveAccessList(opened.fd)) return std::nullopt;
  return opened;
}

bool ForbidsPrograms(const Fd& file) {
  struct statvfs mount;
  return ::fstatvfs(file.get(), &mount) != 0 || (mount.f_flag & ST_NOEXEC) != 0;
}

}  // namespace

std::optional<Opened> OpenUnasked(const gofer::Credentials& caller,
                                  const gofer::Channel::Memory& known, uint64_t flags) {
  if (!MayOpenUnasked(flags)) return std::nullopt;
  return OpenIfAllowed(caller, known, flags, S_IROTH);
}

std::optional<Opened> OpenForExecUnasked(const gofer::Credentials& caller,
                                         const gofer::Channel::Memory& known) {
  auto opened = OpenIfAllowed(caller, known, O_RDONLY, S_IROTH | S_IXOTH);
  if (!opened || ForbidsPrograms(opened->fd)) return std::nullopt;
  return opened;
}

}  // namespace moat::sentry
