// Mode, owner and times: chmod, chown, utime and their kin.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include <array>
#include <optional>

#include "sentry/fs/on_path.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;
using Times = std::optional<std::array<timespec, 2>>;

constexpr int kKnownFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

// A descriptor behind a magic link is changed itself.
int FlagsAt(const TreePlace& place, int at_flags) {
  return place.is_descriptor() ? at_flags | AT_EMPTY_PATH : at_flags;
}

gofer::Follow FollowOf(int at_flags) {
  return (at_flags & AT_SYMLINK_NOFOLLOW) != 0 ? gofer::Follow::kNo : gofer::Follow::kYes;
}

Outcome Chmod(Call& call, int dirfd, GuestAddr path, uint32_t mode, int at_flags) {
  constexpr uint32_t kAllModeBits = 07777;
  if ((at_flags & ~kKnownFlags) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  return ChangePath(call, where, FollowOf(at_flags),
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Chmod(caller.credentials, place.ref(),
                                                mode & kAllModeBits, FlagsAt(place, at_flags));
                    });
}

struct Owner {
  uint32_t uid, gid;  // ~0: leave it
};

Outcome Chown(Call& call, int dirfd, GuestAddr path, Owner owner, int at_flags) {
  if ((at_flags & ~kKnownFlags) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  return ChangePath(call, where, FollowOf(at_flags),
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Chown(caller.credentials, place.ref(), owner.uid,
                                                owner.gid, FlagsAt(place, at_flags));
                    });
}

Outcome SetTimes(Call& call, int dirfd, GuestAddr path, const Times& times, int at_flags) {
  if ((at_flags & ~kKnownFlags) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  return ChangePath(call, where, FollowOf(at_flags),
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().SetTimes(caller.credentials, place.ref(), times,
                                                   FlagsAt(place, at_flags));
                    });
}

// utimes(2) and futimesat(2).
Result<Times> ReadTimevals(Call& call, GuestAddr from) {
  if (from.null()) return Times();
  using Timevals = std::array<timeval, 2>;
  TRY_ASSIGN(const Timevals given, call.ReadObject<Timevals>(from));
  Times times = std::array<timespec, 2>();
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i].tv_usec < 0 || given[i].tv_usec >= 1000000) return Errno(EINVAL);
    (*times)[i] = {given[i].tv_sec, given[i].tv_usec * 1000};
  }
  return times;
}

bool ChangesNothing(const Times& times) {
  return times && (*times)[0].tv_nsec == UTIME_OMIT && (*times)[1].tv_nsec == UTIME_OMIT;
}

}  // namespace

Outcome SysChmod(Call& call) { return Chmod(call, AT_FDCWD, call.AddrArg(0), call.UintArg(1), 0); }

Outcome SysFchmodat(Call& call) {
  return Chmod(call, call.FdArg(0), call.AddrArg(1), call.UintArg(2), 0);
}

Outcome SysFchmodat2(Call& call) {
  return Chmod(call, call.FdArg(0), call.AddrArg(1), call.UintArg(2), call.IntArg(3));
}

Outcome SysChown(Call& call) {
  return Chown(call, AT_FDCWD, call.AddrArg(0), {call.UintArg(1), call.UintArg(2)}, 0);
}

Outcome SysLchown(Call& call) {
  return Chown(call, AT_FDCWD, call.AddrArg(0), {call.UintArg(1), call.UintArg(2)},
               AT_SYMLINK_NOFOLLOW);
}

Outcome SysFchownat(Call& call) {
  return Chown(call, call.FdArg(0), call.AddrArg(1), {call.UintArg(2), call.UintArg(3)},
               call.IntArg(4));
}

Outcome SysUtime(Call& call) {
  Times times;
  if (!call.AddrArg(1).null()) {
    TRY_ASSIGN(const utimbuf given, call.ReadObject<utimbuf>(call.AddrArg(1)));
    times = {{timespec{given.actime, 0}, timespec{given.modtime, 0}}};
  }
  return SetTimes(call, AT_FDCWD, call.AddrArg(0), times, 0);
}

Outcome SysUtimes(Call& call) {
  TRY_ASSIGN(const Times times, ReadTimevals(call, call.AddrArg(1)));
  return SetTimes(call, AT_FDCWD, call.AddrArg(0), times, 0);
}

Outcome SysFutimesat(Call& call) {
  TRY_ASSIGN(const Times times, ReadTimevals(call, call.AddrArg(2)));
  return SetTimes(call, call.FdArg(0), call.AddrArg(1), times, 0);
}

Outcome SysUtimensat(Call& call) {
  Times times;
  if (!call.AddrArg(2).null()) {
    using Timespecs = std::array<timespec, 2>;
    TRY_ASSIGN(times, call.ReadObject<Timespecs>(call.AddrArg(2)));
  }
  // Not even the path is looked at then (fs/utimes.c).
  if (ChangesNothing(times)) return Value{0};
  return SetTimes(call, call.FdArg(0), call.AddrArg(1), times, call.IntArg(3));
}

}  // namespace moat::sentry
