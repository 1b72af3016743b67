// Extended attributes by path: setxattr, getxattr, listxattr, removexattr, their l... and ...at
// forms; flistxattr and fremovexattr.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include <string>

#include "absl/strings/match.h"
#include "sentry/fs/hand_over.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/reopen.h"
#include "sentry/syscalls/guest_struct.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using gofer::Follow;
using platform::GuestAddr;

constexpr int kKnownFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

// struct xattr_args of linux/xattr.h (Linux 6.13).
struct XattrArgs {
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};

struct Target {
  PathArg where;
  Follow follow = Follow::kYes;
};

Result<Target> ReadTarget(Call& call, int dirfd, GuestAddr path, int at_flags) {
  if ((at_flags & ~kKnownFlags) != 0) return Errno(EINVAL);
  TRY_ASSIGN(PathArg where, ReadPathArg(call, dirfd, path, at_flags));
  return Target{std::move(where),
                (at_flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::kNo : Follow::kYes};
}

// `act` on the place. What a magic link leads to is there as an O_PATH descriptor, and the calls on
// descriptors want an open file; `on_special` is for what cannot be opened without being noticed.
// An O_PATH descriptor given by its number alone (AT_EMPTY_PATH) is refused: EBADF.
template <typename T, typename Act, typename OnSpecial>
gofer::Outcome<T> OnFile(Call& call, const Target& target, const TreePlace& place, const Act& act,
                         const OnSpecial& on_special) {
  const bool by_link = place.is_descriptor() && !target.where.path.empty();
  if (!by_link || !IsPathOnly(*place.base)) return act(place.ref());
  const auto opened = OpenBehind(call, *place.base);
  if (opened.ok()) return act(gofer::PathRef{"", opened->get(), place.root.get()});
  if (opened.error() == Errno(EBADF)) return on_special(*place.base);
  return gofer::Failure{opened.error(), {}};
}

// Attributes of a FIFO, socket, device or symbolic link behind an O_PATH descriptor. They are read
// by its name, which must not be relied upon to change any: EBADF.
class SpecialFile {
 public:
  SpecialFile(Call& call, const Caller& caller, const Fd& file)
      : call_(call), caller_(caller), file_(file) {}

  gofer::Outcome<std::string> Get(const std::string& name) const {
    if (IsOfUsers(name)) return gofer::Failure{Errno(ENODATA), {}};
    const auto path = NameBehind(call_, caller_, file_);
    if (!path.ok()) return gofer::Failure{path.error(), {}};
    return call_.gofer().GetXattr(caller_.credentials, {*path, -1, -1}, Follow::kNo, name);
  }
  gofer::Outcome<std::string> List() const {
    const auto path = NameBehind(call_, caller_, file_);
    if (!path.ok()) return gofer::Failure{path.error(), {}};
    return call_.gofer().ListXattr(caller_.credentials, {*path, -1, -1}, Follow::kNo);
  }
  static gofer::Outcome<Unit> Set(const std::string& name) {
    return gofer::Failure{Errno(IsOfUsers(name) ? EPERM : EBADF), {}};
  }
  gofer::Outcome<Unit> Remove(const std::string& name) const {
    if (IsOfUsers(name)) return Set(name);
    auto there = Get(name);
    auto* failure = std::get_if<gofer::Failure>(&there);
    if (failure == nullptr) return gofer::Failure{Errno(EBADF), {}};
    // To remove an access list that is not there is no error.
    if (failure->error == Errno(ENODATA) && absl::StartsWith(name, "system.")) return Unit{};
    return std::move(*failure);
  }

 private:
  // xattr(7): those of the namespace user are for regular files and directories.
  static bool IsOfUsers(const std::string& name) { return absl::StartsWith(name, "user."); }

  Call& call_;
  const Caller& caller_;
  const Fd& file_;
};

// ERANGE for an empty name and for one that is too long (fs/xattr.c, import_xattr_name).
Result<std::string> ReadName(Call& call, GuestAddr from) {
  TRY_ASSIGN(std::string name, call.ReadString(from, XATTR_NAME_MAX + 1, Errno(ERANGE)));
  if (name.empty()) return Errno(ERANGE);
  return name;
}

// procfs and sysfs have no extended attributes: `answer` for a file that exists.
template <typename T>
auto NoneInVirtualTree(Call& call, Follow follow, Result<T> answer) {
  return [&call, follow, answer](const Caller& caller, absl::string_view path) -> VirtualResult<T> {
    auto found = call.container().tree->Stat(caller.viewer(), path, follow == Follow::kYes);
    if (auto* error = std::get_if<Errno>(&found)) return *error;
    if (auto* left = std::get_if<LeftTree>(&found)) return std::move(*left);
    if (!answer.ok()) return answer.error();
    return *answer;
  };
}

// Copies a value or a list out; a size of 0 asks for its length (getxattr(2)).
Outcome WriteSized(Call& call, const std::string& bytes, GuestAddr to, uint64_t size) {
  if (size != 0) {
    if (bytes.size() > size) return Errno(ERANGE);
    TRY(call.WriteBytes(to, bytes));
  }
  return Value{static_cast<int64_t>(bytes.size())};
}

Outcome Set(Call& call, int dirfd, GuestAddr path, int at_flags, GuestAddr name_at,
            const XattrArgs& args) {
  if ((args.flags & ~uint32_t{XATTR_CREATE | XATTR_REPLACE}) != 0) return Errno(EINVAL);
  TRY_ASSIGN(const std::string name, ReadName(call, name_at));
  if (args.size > XATTR_SIZE_MAX) return Errno(E2BIG);
  TRY_ASSIGN(const std::string value, call.ReadBytes(GuestAddr(args.value), args.size));
  TRY_ASSIGN(const Target target, ReadTarget(call, dirfd, path, at_flags));
  TRY(OnPath<Unit>(
      call, target.where,
      [&](const Caller& caller, const TreePlace& place) {
        return OnFile<Unit>(
            call, target, place,
            [&](const gofer::PathRef& file) {
              return call.gofer().SetXattr(caller.credentials, file, target.follow, name, value,
                                           static_cast<int>(args.flags));
            },
            [&](const Fd&) { return SpecialFile::Set(name); });
      },
      NoneInVirtualTree<Unit>(call, target.follow, Errno(EOPNOTSUPP))));
  return Value{0};
}

Outcome Get(Call& call, int dirfd, GuestAddr path, int at_flags, GuestAddr name_at, GuestAddr to,
            uint64_t size) {
  TRY_ASSIGN(const std::string name, ReadName(call, name_at));
  TRY_ASSIGN(const Target target, ReadTarget(call, dirfd, path, at_flags));
  TRY_ASSIGN(const std::string value,
             OnPath<std::string>(
                 call, target.where,
                 [&](const Caller& caller, const TreePlace& place) {
                   return OnFile<std::string>(
                       call, target, place,
                       [&](const gofer::PathRef& file) {
                         return call.gofer().GetXattr(caller.credentials, file, target.follow,
                                                      name);
                       },
                       [&](const Fd& file) { return SpecialFile(call, caller, file).Get(name); });
                 },
                 NoneInVirtualTree<std::string>(call, target.follow, Errno(EOPNOTSUPP))));
  return WriteSized(call, value, to, size);
}

Outcome List(Call& call, int dirfd, GuestAddr path, int at_flags, GuestAddr to, uint64_t size) {
  TRY_ASSIGN(const Target target, ReadTarget(call, dirfd, path, at_flags));
  TRY_ASSIGN(const std::string names,
             OnPath<std::string>(
                 call, target.where,
                 [&](const Caller& caller, const TreePlace& place) {
                   return OnFile<std::string>(
                       call, target, place,
                       [&](const gofer::PathRef& file) {
                         return call.gofer().ListXattr(caller.credentials, file, target.follow);
                       },
                       [&](const Fd& file) { return SpecialFile(call, caller, file).List(); });
                 },
                 NoneInVirtualTree<std::string>(call, target.follow, std::string())));
  return WriteSized(call, names, to, size);
}

Outcome Remove(Call& call, int dirfd, GuestAddr path, int at_flags, GuestAddr name_at) {
  TRY_ASSIGN(const std::string name, ReadName(call, name_at));
  TRY_ASSIGN(const Target target, ReadTarget(call, dirfd, path, at_flags));
  TRY(OnPath<Unit>(
      call, target.where,
      [&](const Caller& caller, const TreePlace& place) {
        return OnFile<Unit>(
            call, target, place,
            [&](const gofer::PathRef& file) {
              return call.gofer().RemoveXattr(caller.credentials, file, target.follow, name);
            },
            [&](const Fd& file) { return SpecialFile(call, caller, file).Remove(name); });
      },
      NoneInVirtualTree<Unit>(call, target.follow, Errno(EOPNOTSUPP))));
  return Value{0};
}

Outcome SetByPath(Call& call, int at_flags) {
  if (call.Arg(3) > XATTR_SIZE_MAX) return Errno(E2BIG);
  return Set(call, AT_FDCWD, call.AddrArg(0), at_flags, call.AddrArg(1),
             {call.Arg(2), static_cast<uint32_t>(call.Arg(3)), call.UintArg(4)});
}

Outcome GetByPath(Call& call, int at_flags) {
  return Get(call, AT_FDCWD, call.AddrArg(0), at_flags, call.AddrArg(1), call.AddrArg(2),
             call.Arg(3));
}

// EBADF for descriptors that only stand for a place (O_PATH).
Result<void> CheckOpened(Call& call, int number) {
  TRY_ASSIGN(const Fd fd, call.TakeFd(number));
  if (IsPathOnly(fd)) return Errno(EBADF);
  return {};
}

Result<XattrArgs> ReadXattrArgs(Call& call) {
  return ReadSizedStruct<XattrArgs>(call, call.AddrArg(4), call.Arg(5), sizeof(XattrArgs));
}

}  // namespace

Outcome SysSetxattr(Call& call) { return SetByPath(call, 0); }
Outcome SysLsetxattr(Call& call) { return SetByPath(call, AT_SYMLINK_NOFOLLOW); }

Outcome SysSetxattrat(Call& call) {
  TRY_ASSIGN(const XattrArgs args, ReadXattrArgs(call));
  return Set(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), call.AddrArg(3), args);
}

Outcome SysGetxattr(Call& call) { return GetByPath(call, 0); }
Outcome SysLgetxattr(Call& call) { return GetByPath(call, AT_SYMLINK_NOFOLLOW); }

Outcome SysGetxattrat(Call& call) {
  TRY_ASSIGN(const XattrArgs args, ReadXattrArgs(call));
  if (args.flags != 0) return Errno(EINVAL);
  return Get(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), call.AddrArg(3),
             GuestAddr(args.value), args.size);
}

Outcome SysListxattr(Call& call) {
  return List(call, AT_FDCWD, call.AddrArg(0), 0, call.AddrArg(1), call.Arg(2));
}

Outcome SysLlistxattr(Call& call) {
  return List(call, AT_FDCWD, call.AddrArg(0), AT_SYMLINK_NOFOLLOW, call.AddrArg(1), call.Arg(2));
}

Outcome SysListxattrat(Call& call) {
  return List(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), call.AddrArg(3), call.Arg(4));
}

Outcome SysRemovexattr(Call& call) {
  return Remove(call, AT_FDCWD, call.AddrArg(0), 0, call.AddrArg(1));
}

Outcome SysLremovexattr(Call& call) {
  return Remove(call, AT_FDCWD, call.AddrArg(0), AT_SYMLINK_NOFOLLOW, call.AddrArg(1));
}

Outcome SysRemovexattrat(Call& call) {
  return Remove(call, call.FdArg(0), call.AddrArg(1), call.IntArg(2), call.AddrArg(3));
}

Outcome SysFlistxattr(Call& call) {
  TRY(CheckOpened(call, call.FdArg(0)));
  return List(call, call.FdArg(0), GuestAddr(), AT_EMPTY_PATH, call.AddrArg(1), call.Arg(2));
}

Outcome SysFremovexattr(Call& call) {
  TRY(CheckOpened(call, call.FdArg(0)));
  return Remove(call, call.FdArg(0), GuestAddr(), AT_EMPTY_PATH, call.AddrArg(1));
}

}  // namespace moat::sentry
