#include "gofer/system_test/paired_calls.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat::gofer {
namespace {

using Calls = std::vector<PairedCall>;
constexpr bool kReads = false;  // PairedCall::changes

std::string Say(long result) { return result < 0 ? ErrnoName(errno) : "ok"; }

// What to say of a value, or the errno.
template <typename T, typename Words>
std::string Say(const Outcome<T>& outcome, Words words) {
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    if (failure->crossing) return absl::StrCat("crossing ", failure->crossing->path);
    return ErrnoName(failure->error.value());
  }
  return words(std::get<T>(outcome));
}
std::string Say(const Outcome<Unit>& outcome) {
  return Say(outcome, [](Unit) { return std::string("ok"); });
}

// For calls without an *at form.
bool GoTo(int base, const char* path) { return *path == 0 || *path == '/' || ::fchdir(base) == 0; }

PathRef Ref(const Subject& subject) { return {subject.path, subject.base, -1}; }

std::string Describe(const struct statx& attributes) {
  return absl::StrCat("mode ", absl::Hex(attributes.stx_mode), " ", attributes.stx_uid, ":",
                      attributes.stx_gid, " size ", attributes.stx_size, " links ",
                      attributes.stx_nlink);
}

std::string DescribeOpen(int fd) {
  struct statx attributes;
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) < 0) return Say(-1);
  return absl::StrCat(Describe(attributes), " flags ", absl::Hex(::fcntl(fd, F_GETFL)));
}

void AddOpen(Calls& calls, const std::string& name, int flags, uint32_t mode = 0,
             uint64_t resolve = 0) {
  flags |= O_NONBLOCK * ((flags & O_PATH) == 0);  // for the FIFO
  const auto native = [=](const Subject& subject) {
    open_how how = {};
    how.flags = static_cast<uint64_t>(flags);
    how.mode = mode;
    how.resolve = resolve;
    const Fd fd(static_cast<int>(
        resolve == 0
            ? ::syscall(SYS_openat, subject.base, subject.path.c_str(), flags, mode)
            : ::syscall(SYS_openat2, subject.base, subject.path.c_str(), &how, sizeof(how))));
    return fd ? DescribeOpen(fd.get()) : Say(-1);
  };
  const auto proxied = [=](Channel& channel, const Credentials& who, const Subject& subject) {
    return Say(
        channel.Open(who, Ref(subject), static_cast<uint64_t>(flags), mode, resolve, nullptr),
        [](const Opened& opened) { return DescribeOpen(opened.fd.get()); });
  };
  const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
  calls.push_back({absl::StrCat("open ", name), native, proxied, changes});
}

void AddOpens(Calls& calls) {
  AddOpen(calls, "r", O_RDONLY);
  AddOpen(calls, "w", O_WRONLY);
  AddOpen(calls, "rw append", O_RDWR | O_APPEND);
  AddOpen(calls, "path", O_PATH);
  AddOpen(calls, "path nofollow", O_PATH | O_NOFOLLOW);
  AddOpen(calls, "nofollow", O_RDONLY | O_NOFOLLOW);
  AddOpen(calls, "directory", O_RDONLY | O_DIRECTORY);
  AddOpen(calls, "truncate", O_WRONLY | O_TRUNC);
  AddOpen(calls, "read truncate", O_RDONLY | O_TRUNC);
  AddOpen(calls, "noatime", O_RDONLY | O_NOATIME);
  AddOpen(calls, "create", O_WRONLY | O_CREAT, 0666);
  AddOpen(calls, "create modes", O_RDWR | O_CREAT, 06777);
  AddOpen(calls, "create exclusive", O_WRONLY | O_CREAT | O_EXCL, 0640);
  AddOpen(calls, "create nofollow", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  AddOpen(calls, "create directory", O_RDONLY | O_CREAT | O_DIRECTORY, 0600);
  AddOpen(calls, "tmpfile", O_RDWR | O_TMPFILE, 0666);
  AddOpen(calls, "strange flags", O_RDONLY | 0x40000000 | O_DIRECT, 0);
  AddOpen(calls, "access mode 3", 3, 0);
  AddOpen(calls, "beneath", O_RDONLY, 0, RESOLVE_BENEATH);
  AddOpen(calls, "in root", O_RDONLY, 0, RESOLVE_IN_ROOT);
  AddOpen(calls, "no symlinks", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
  AddOpen(calls, "no xdev", O_RDONLY, 0, RESOLVE_NO_XDEV);
  AddOpen(calls, "beneath create", O_RDWR | O_CREAT, 0666, RESOLVE_BENEATH);
  AddOpen(calls, "wrong resolve", O_RDONLY, 0, 0x8000);
}

void AddLooks(Calls& calls) {
  for (const int flags : {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x40000000}) {
    calls.push_back(
        {absl::StrCat("stat ", absl::Hex(flags)),
         [=](const Subject& subject) {
           struct statx attributes;
           const int result =
               ::statx(subject.base, subject.path.c_str(), flags, STATX_BASIC_STATS, &attributes);
           return result < 0 ? Say(-1) : Describe(attributes);
         },
         [=](Channel& channel, const Credentials& who, const Subject& subject) {
           return Say(channel.Stat(who, Ref(subject), flags, STATX_BASIC_STATS), Describe);
         },
         kReads});
  }
  calls.push_back({"statfs",
                   [](const Subject& subject) {
                     // statfs(2) has no *at form.
                     struct statfs found;
                     if (!GoTo(subject.base, subject.path.c_str())) return Say(-1);
                     return ::statfs(subject.path.c_str(), &found) < 0
                                ? Say(-1)
                                : absl::StrCat("type ", found.f_type, " flags ", found.f_flags);
                   },
                   [](Channel& channel, const Credentials& who, const Subject& subject) {
                     return Say(channel.StatFs(who, Ref(subject)), [](const struct statfs& found) {
                       return absl::StrCat("type ", found.f_type, " flags ", found.f_flags);
                     });
                   },
                   kReads});
  calls.push_back({"readlink",
                   [](const Subject& subject) {
                     char text[PATH_MAX];
                     const ssize_t size =
                         ::readlinkat(subject.base, subject.path.c_str(), text, sizeof(text));
                     return size < 0 ? Say(-1) : std::string(text, static_cast<size_t>(size));
                   },
                   [](Channel& channel, const Credentials& who, const Subject& subject) {
                     return Say(channel.ReadLink(who, Ref(subject)),
                                [](const std::string& text) { return text; });
                   },
                   kReads});
}

void AddAccess(Calls& calls, int mode, int flags) {
  calls.push_back({absl::StrCat("access ", mode, " ", absl::Hex(flags)),
                   [=](const Subject& subject) {
                     return Say(::syscall(SYS_faccessat2, subject.base, subject.path.c_str(), mode,
                                          flags | AT_EACCESS));
                   },
                   [=](Channel& channel, const Credentials& who, const Subject& subject) {
                     return Say(channel.Access(who, Ref(subject), mode, flags));
                   },
                   kReads});
}

// ENOEXEC says that Linux was ready to run the file: none of the files is a program.
void AddExec(Calls& calls, int flags) {
  calls.push_back({absl::StrCat("execve ", absl::Hex(flags)),
                   [=](const Subject& subject) {
                     const char* arguments[] = {"x", nullptr};
                     ::syscall(SYS_execveat, subject.base, subject.path.c_str(), arguments,
                               arguments + 1, flags);
                     return errno == ENOEXEC ? std::string("ok") : Say(-1);
                   },
                   [=](Channel& channel, const Credentials& who, const Subject& subject) {
                     const Follow follow = flags == 0 ? Follow::kYes : Follow::kNo;
                     return Say(channel.OpenForExec(who, Ref(subject), follow),
                                [](const Opened&) { return std::string("ok"); });
                   },
                   kReads});
}

// A call whose native form is one function of (base, path).
template <typename Native, typename Proxied>
void Add(Calls& calls, std::string name, Native native, Proxied proxied) {
  calls.push_back(
      {std::move(name),
       [native](const Subject& subject) { return Say(native(subject.base, subject.path.c_str())); },
       [proxied](Channel& channel, const Credentials& who, const Subject& subject) {
         return Say(proxied(channel, who, Ref(subject)));
       }});
}

void AddMakers(Calls& calls) {
  for (const uint32_t mode : {0777u, 06000u}) {
    Add(
        calls, absl::StrCat("mkdir ", absl::Hex(mode)),
        [=](int base, const char* path) { return ::mkdirat(base, path, mode); },
        [=](Channel& channel, const Credentials& who, const PathRef& path) {
          return channel.Mkdir(who, path, mode);
        });
  }
  const std::pair<uint32_t, uint64_t> kNodes[] = {{S_IFIFO | 0666, 0},
                                                  {S_IFREG | 02777, 0},
                                                  {0644, 0},
                                                  {S_IFSOCK | 0777, 0},
                                                  {S_IFCHR | 0666, ::makedev(1, 3)},
                                                  {S_IFCHR | 0600, 0},
                                                  {S_IFDIR | 0777, 0}};
  for (const auto& [mode, device] : kNodes) {
    Add(
        calls, absl::StrCat("mknod ", absl::Hex(mode), " ", device),
        [mode = mode, device = device](int base, const char* path) {
          return ::mknodat(base, path, mode, device);
        },
        [mode = mode, device = device](Channel& channel, const Credentials& who,
                                       const PathRef& path) {
          return channel.Mknod(who, path, mode, device);
        });
  }
  for (const char* target : {"file", ""}) {
    Add(
        calls, absl::StrCat("symlink ", target),
        [=](int base, const char* path) { return ::symlinkat(target, base, path); },
        [=](Channel& channel, const Credentials& who, const PathRef& path) {
          return channel.Symlink(who, target, path);
        });
  }
}

void AddMovers(Calls& calls) {
  for (const char* to : {"linked", "sticky/linked", "sticky/bob", "volume/x"}) {
    for (const int flags : {0, AT_SYMLINK_FOLLOW}) {
      Add(
          calls, absl::StrCat("link to ", to, " ", absl::Hex(flags)),
          [=](int base, const char* path) { return ::linkat(base, path, base, to, flags); },
          [=](Channel& channel, const Credentials& who, const PathRef& path) {
            return channel.Link(who, path, {to, path.base, -1}, flags);
          });
    }
  }
  for (const char* to : {"sticky/bob", "dir", "ro/file", "setgid/x"}) {
    for (const unsigned flags : {0u, unsigned{RENAME_EXCHANGE}, 64u}) {
      Add(
          calls, absl::StrCat("rename to ", to, " ", flags),
          [=](int base, const char* path) { return ::renameat2(base, path, base, to, flags); },
          [=](Channel& channel, const Credentials& who, const PathRef& path) {
            return channel.Rename(who, path, {to, path.base, -1}, flags);
          });
    }
  }
  for (const int flags : {0, AT_REMOVEDIR, 1}) {
    Add(
        calls, absl::StrCat("unlink ", absl::Hex(flags)),
        [=](int base, const char* path) { return ::unlinkat(base, path, flags); },
        [=](Channel& channel, const Credentials& who, const PathRef& path) {
          return channel.Unlink(who, path, flags);
        });
  }
}

constexpr long kFchmodat2 = 452;

void AddOwners(Calls& calls) {
  for (const uint32_t mode : {0600u, 07777u, 02755u}) {
    for (const int flags : {0, AT_SYMLINK_NOFOLLOW}) {
      Add(
          calls, absl::StrCat("chmod ", absl::Hex(mode), " ", absl::Hex(flags)),
          [=](int base, const char* path) {
            return ::syscall(kFchmodat2, base, path, mode, flags);
          },
          [=](Channel& channel, const Credentials& who, const PathRef& path) {
            return channel.Chmod(who, path, mode, flags);
          });
    }
  }
  const std::pair<uint32_t, uint32_t> kOwners[] = {
      {1001, ~0u}, {~0u, 50}, {~0u, 1001}, {1000, 1000}, {~0u, ~0u}};
  for (const auto& [uid, gid] : kOwners) {
    for (const int flags : {0, AT_SYMLINK_NOFOLLOW}) {
      Add(
          calls, absl::StrCat("chown ", uid, ":", gid, " ", absl::Hex(flags)),
          [=, uid = uid, gid = gid](int base, const char* path) {
            return ::fchownat(base, path, uid, gid, flags);
          },
          [=, uid = uid, gid = gid](Channel& channel, const Credentials& who, const PathRef& path) {
            return channel.Chown(who, path, uid, gid, flags);
          });
    }
  }
}

void AddTimes(Calls& calls, const std::string& name,
              std::optional<std::array<struct timespec, 2>> times, int flags) {
  Add(
      calls, absl::StrCat("utimensat ", name),
      [=](int base, const char* path) {
        return ::syscall(SYS_utimensat, base, path, times ? times->data() : nullptr, flags);
      },
      [=](Channel& channel, const Credentials& who, const PathRef& path) {
        return channel.SetTimes(who, path, times, flags);
      });
}

// Relative to the working directory, as the native calls know nothing else.
template <typename Native, typename Proxied>
void AddFromDirectory(Calls& calls, std::string name, Native native, Proxied proxied) {
  Add(
      calls, std::move(name),
      [native](int base, const char* path) -> long {
        if (!GoTo(base, path)) return -1;
        return native(path);
      },
      proxied);
}

void AddContents(Calls& calls) {
  AddTimes(calls, "now", std::nullopt, 0);
  AddTimes(calls, "past", {{timespec{1, 0}, timespec{2, 0}}}, 0);
  AddTimes(calls, "past nofollow", {{timespec{1, 0}, timespec{2, 0}}}, AT_SYMLINK_NOFOLLOW);
  AddTimes(calls, "one now", {{timespec{0, UTIME_NOW}, timespec{0, UTIME_OMIT}}}, 0);
  AddTimes(calls, "wrong", {{timespec{0, -5}, timespec{2, 0}}}, 0);
  for (const int64_t length : {0, 100, -1}) {
    AddFromDirectory(
        calls, absl::StrCat("truncate ", length),
        [=](const char* path) { return ::truncate(path, length); },
        [=](Channel& channel, const Credentials& who, const PathRef& path) {
          return channel.Truncate(who, path, length);
        });
  }
}

void AddXattrs(Calls& calls) {
  // A capability set of version 2 with CAP_CHOWN, for setcap(8).
  static constexpr char kCapability[20] = {0, 0, 0, 2, 1};
  const std::pair<const char*, std::string> kValues[] = {
      {"user.test", "value"},
      {"user.test", ""},
      {"trusted.test", "value"},
      {"nonsense", "value"},
      {"", "value"},
      {"security.capability", std::string(kCapability, sizeof(kCapability))}};
  for (const auto& [name, value] : kValues) {
    for (const int flags : {0, int{XATTR_REPLACE}}) {
      AddFromDirectory(
          calls, absl::StrCat("setxattr ", name, " ", flags),
          [=, name = name, value = value](const char* path) {
            return ::setxattr(path, name, value.data(), value.size(), flags);
          },
          [=, name = name, value = value](Channel& channel, const Credentials& who,
                                          const PathRef& path) {
            return channel.SetXattr(who, path, Follow::kYes, name, value, flags);
          });
    }
  }
  AddFromDirectory(
      calls, "removexattr", [](const char* path) { return ::removexattr(path, "user.test"); },
      [](Channel& channel, const Credentials& who, const PathRef& path) {
        return channel.RemoveXattr(who, path, Follow::kYes, "user.test");
      });
  AddFromDirectory(
      calls, "remove ACL",
      [](const char* path) { return ::removexattr(path, "system.posix_acl_access"); },
      [](Channel& channel, const Credentials& who, const PathRef& path) {
        return channel.RemoveXattr(who, path, Follow::kYes, "system.posix_acl_access");
      });
}

std::string ReadXattr(const Subject& subject, const char* name) {
  char value[4096];
  if (!GoTo(subject.base, subject.path.c_str())) return Say(-1);
  const ssize_t size = name ? ::lgetxattr(subject.path.c_str(), name, value, sizeof(value))
                            : ::llistxattr(subject.path.c_str(), value, sizeof(value));
  if (size < 0) return Say(-1);
  return absl::CHexEscape(absl::string_view(value, static_cast<size_t>(size)));
}

void AddXattrReaders(Calls& calls) {
  const auto escaped = [](const std::string& value) { return absl::CHexEscape(value); };
  for (const char* name : {"system.posix_acl_access", "user.test", "security.capability"}) {
    calls.push_back({absl::StrCat("getxattr ", name),
                     [=](const Subject& subject) { return ReadXattr(subject, name); },
                     [=](Channel& channel, const Credentials& who, const Subject& subject) {
                       return Say(channel.GetXattr(who, Ref(subject), Follow::kNo, name), escaped);
                     },
                     kReads});
  }
  calls.push_back({"listxattr", [](const Subject& subject) { return ReadXattr(subject, nullptr); },
                   [=](Channel& channel, const Credentials& who, const Subject& subject) {
                     return Say(channel.ListXattr(who, Ref(subject), Follow::kNo), escaped);
                   },
                   kReads});
}

Fd UnixSocket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

sockaddr_un AddressOf(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  return address;
}

void AddSockets(Calls& calls) {
  using Call = int (*)(int, const sockaddr*, socklen_t);
  const auto native = [](Call call) {
    return [call](const char* path) -> long {
      const sockaddr_un address = AddressOf(path);
      if (*path == 0) {  // would be an address of another kind
        errno = EINVAL;
        return -1;
      }
      return call(UnixSocket().get(),
                  static_cast<const sockaddr*>(static_cast<const void*>(&address)),
                  sizeof(address));
    };
  };
  AddFromDirectory(calls, "bind", native(&::bind),
                   [](Channel& channel, const Credentials& who, const PathRef& path) {
                     return channel.BindUnix(who, UnixSocket().get(), path);
                   });
  AddFromDirectory(calls, "connect", native(&::connect),
                   [](Channel& channel, const Credentials& who, const PathRef& path) {
                     return channel.ConnectUnix(who, UnixSocket().get(), path, nullptr);
                   });
  AddFromDirectory(
      calls, "inotify",
      [](const char* path) -> long {
        return ::inotify_add_watch(Fd(::inotify_init1(IN_CLOEXEC)).get(), path, IN_CREATE);
      },
      [](Channel& channel, const Credentials& who, const PathRef& path) -> Outcome<Unit> {
        auto added =
            channel.InotifyAdd(who, Fd(::inotify_init1(IN_CLOEXEC)).get(), path, IN_CREATE);
        if (auto* failure = std::get_if<Failure>(&added)) return *failure;
        return Unit{};
      });
}

}  // namespace

std::vector<PairedCall> AllPairedCalls() {
  Calls calls;
  AddOpens(calls);
  AddLooks(calls);
  for (const int mode : {F_OK, R_OK, W_OK, X_OK, R_OK | W_OK | X_OK, 0x100}) {
    AddAccess(calls, mode, 0);
    AddAccess(calls, mode, AT_SYMLINK_NOFOLLOW);
  }
  AddExec(calls, 0);
  AddExec(calls, AT_SYMLINK_NOFOLLOW);
  AddMakers(calls);
  AddMovers(calls);
  AddOwners(calls);
  AddContents(calls);
  const size_t first_xattr = calls.size();
  AddXattrs(calls);
  AddXattrReaders(calls);
  for (size_t i = first_xattr; i < calls.size(); ++i) calls[i].empty_is_base = true;
  AddSockets(calls);
  return calls;
}

}  // namespace moat::gofer
