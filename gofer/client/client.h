// The sentry's side of the gofer: one Channel per sentry thread, each served by a thread of its own
// in the gofer.
//
// The gofer lives in the container's mount namespace, pivoted. It takes on the credentials of a
// request and makes the same system call in its own root, so the semantics (permissions, symlinks,
// sticky bits, ACLs, umask, ...) are the kernel's. Every reply is validated; a gofer that breaks
// the protocol makes the call fail with EIO and `broken()` true, and the container must end.
#ifndef MOAT_GOFER_CLIENT_CLIENT_H_
#define MOAT_GOFER_CLIENT_CLIENT_H_

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::gofer {

// Whom a request is made for. Ids are those of the container (see docs/ARCHITECTURE.md: one number
// space).
struct Credentials {
  uint32_t uid = 0;  // the file system uid (for access(2): the real one)
  uint32_t gid = 0;
  std::vector<uint32_t> groups;  // supplementary; at most 65536 (NGROUPS_MAX)
  uint64_t capabilities =
      0;  // the effective set, bit n = capability n; the gofer keeps those that concern files
  uint32_t umask = 022;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// What an owner without a number here shows as (user_namespaces(7), "Unmapped user and group IDs"):
// whoever has this number need not be he.
inline constexpr uint32_t kOverflowUid = 65534;

// What FileId::From needs: STATX_INO and STATX_MNT_ID_UNIQUE (Linux 6.8).
inline constexpr unsigned kFileIdMask = STATX_INO | 0x4000;

// Which file it is, for as long as somebody holds it: inode numbers are used again, those of mounts
// are not.
struct FileId {
  uint64_t mount = 0, inode = 0;
  uint32_t device_major = 0, device_minor = 0;

  // What statx(2) said; nothing when the kernel does not tell it all.
  static std::optional<FileId> From(const struct statx& attributes) {
    if ((attributes.stx_mask & kFileIdMask) != kFileIdMask) return std::nullopt;
    return FileId{attributes.stx_mnt_id, attributes.stx_ino, attributes.stx_dev_major,
                  attributes.stx_dev_minor};
  }
  friend auto operator<=>(const FileId&, const FileId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const FileId& id) {
    return H::combine(std::move(state), id.mount, id.inode, id.device_major, id.device_minor);
  }
};

// A path as the caller gave it. Descriptors are borrowed for the call.
struct PathRef {
  absl::string_view
      path;       // at most PATH_MAX - 1 bytes, no NUL; may be empty for the operations that say so
  int base = -1;  // where a relative path starts (directory, O_PATH or not); -1: the caller's root
  int root = -1;  // the caller's root after chroot(2); -1: the container's root
  std::optional<FileId> base_id = {};  // of `base`, where known: what lies below may be remembered
};

// The walk entered the container's /proc or /sys, which the sentry answers.
struct Crossing {
  std::string path;  // absolute, "/proc/..." or "/sys/...", lexically clean up to the crossing; the
                     // rest as it was left
};

// Why an operation gave no value.
struct Failure {
  Errno error{EIO};
  std::optional<Crossing>
      crossing;  // then error is ELOOP and the path must be answered by the virtual tree
};

template <typename T>
using Outcome = std::variant<T, Failure>;

struct Opened {
  Fd fd;
  struct statx attributes {};  // STATX_BASIC_STATS | STATX_MNT_ID of what was opened
  bool secret = false;         // OpenForExec: the caller may not read the file
};

enum class Follow { kYes, kNo };

class Channel {
 public:
  virtual ~Channel() = default;

  // True once the gofer has died or broken the protocol; every call then fails with EIO.
  virtual bool broken() const = 0;
  // Of a channel that answers from memory: whether it was asked for what is not remembered, and
  // answered EAGAIN, since this was last called.
  virtual bool TakeForgotten() { return false; }

  // Blocking calls (a FIFO that waits for its other end) ask this every 50 ms; true gives up and
  // the call fails with EINTR.
  using GiveUp = std::function<bool()>;

  // open(2)/openat2(2). `flags` are the caller's, O_NOCTTY is added (the controlling terminal is
  // the sentry's business), O_CLOEXEC is meaningless here. `resolve` are RESOLVE_* flags, 0 for
  // plain open. `mode` is masked by credentials.umask. Always asks the gofer: Recall comes first.
  virtual Outcome<Opened> Open(const Credentials& credentials, const PathRef& path, uint64_t flags,
                               uint32_t mode, uint64_t resolve, const GiveUp& give_up) = 0;
  // What `path` is remembered to lead to, as surely as if it were looked up now: by a descriptor of
  // it, by the last step to it, or by both.
  struct Memory {
    bool known = false;
    bool missing = false;            // when known: ENOENT
    std::shared_ptr<const Fd> file;  // O_PATH
    // A name in a directory that the caller may search. It may be a symbolic link to `file`.
    int directory = -1;  // the caller's, or held by the next
    std::shared_ptr<const Fd> held;
    std::string name;
    // Of `file` as it was when it was remembered (its type is so for good); without one, of what
    // the step led to a moment ago.
    uint16_t mode = 0;
    uint32_t uid = 0;
  };
  virtual Memory Recall(const Credentials& credentials, const PathRef& path, Follow follow) = 0;
  // Opens a file to be executed: EACCES unless regular, executable by the caller and not on a
  // noexec mount. The descriptor is O_RDONLY; a file that may be executed but not read is opened
  // all the same, and told as Opened::secret: it must not get into the caller's hands.
  virtual Outcome<Opened> OpenForExec(const Credentials& credentials, const PathRef& path,
                                      Follow follow) = 0;
  // statx(2); AT_EMPTY_PATH with an empty path and a base is allowed.
  virtual Outcome<struct statx> Stat(const Credentials& credentials, const PathRef& path,
                                     int at_flags, uint32_t mask) = 0;
  virtual Outcome<struct statfs> StatFs(const Credentials& credentials, const PathRef& path) = 0;
  // faccessat2(2). The caller of access(2) passes real ids here and no AT_EACCESS; flags:
  // AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
  virtual Outcome<Unit> Access(const Credentials& credentials, const PathRef& path, int mode,
                               int at_flags) = 0;
  virtual Outcome<std::string> ReadLink(const Credentials& credentials, const PathRef& path) = 0;

  virtual Outcome<Unit> Mkdir(const Credentials& credentials, const PathRef& path,
                              uint32_t mode) = 0;
  virtual Outcome<Unit> Mknod(const Credentials& credentials, const PathRef& path, uint32_t mode,
                              uint64_t device) = 0;
  virtual Outcome<Unit> Symlink(const Credentials& credentials, absl::string_view target,
                                const PathRef& path) = 0;
  virtual Outcome<Unit> Link(const Credentials& credentials, const PathRef& from, const PathRef& to,
                             int at_flags) = 0;
  virtual Outcome<Unit> Unlink(const Credentials& credentials, const PathRef& path,
                               int at_flags) = 0;
  virtual Outcome<Unit> Rename(const Credentials& credentials, const PathRef& from,
                               const PathRef& to, uint32_t flags) = 0;
  virtual Outcome<Unit> Chmod(const Credentials& credentials, const PathRef& path, uint32_t mode,
                              int at_flags) = 0;
  virtual Outcome<Unit> Chown(const Credentials& credentials, const PathRef& path, uint32_t uid,
                              uint32_t gid, int at_flags) = 0;
  // utimensat(2); no times: both now.
  virtual Outcome<Unit> SetTimes(const Credentials& credentials, const PathRef& path,
                                 const std::optional<std::array<struct timespec, 2>>& times,
                                 int at_flags) = 0;
  virtual Outcome<Unit> Truncate(const Credentials& credentials, const PathRef& path,
                                 int64_t length) = 0;
  // Attributes; an empty path means the base itself (EBADF when that is an O_PATH descriptor).
  virtual Outcome<std::string> GetXattr(const Credentials& credentials, const PathRef& path,
                                        Follow follow, absl::string_view name) = 0;
  virtual Outcome<std::string> ListXattr(const Credentials& credentials, const PathRef& path,
                                         Follow follow) = 0;
  virtual Outcome<Unit> SetXattr(const Credentials& credentials, const PathRef& path, Follow follow,
                                 absl::string_view name, absl::string_view value, int flags) = 0;
  virtual Outcome<Unit> RemoveXattr(const Credentials& credentials, const PathRef& path,
                                    Follow follow, absl::string_view name) = 0;

  // bind(2) and connect(2) of an AF_UNIX socket, a duplicate of the caller's, to a path. connect
  // honours the socket's O_NONBLOCK.
  virtual Outcome<Unit> BindUnix(const Credentials& credentials, int socket,
                                 const PathRef& path) = 0;
  virtual Outcome<Unit> ConnectUnix(const Credentials& credentials, int socket, const PathRef& path,
                                    const GiveUp& give_up) = 0;
  // sendto(2) of one datagram to a path; the number of bytes sent.
  virtual Outcome<size_t> SendToUnix(const Credentials& credentials, int socket,
                                     const PathRef& path, absl::string_view data, int flags) = 0;
  // inotify_add_watch(2) on a duplicate of the caller's inotify descriptor; the watch descriptor.
  virtual Outcome<int> InotifyAdd(const Credentials& credentials, int inotify, const PathRef& path,
                                  uint32_t mask) = 0;
};

// The connection to one gofer process.
class Client {
 public:
  virtual ~Client() = default;
  // Opens one more channel. Thread-safe.
  virtual Result<std::unique_ptr<Channel>> NewChannel() = 0;
  // A channel that never asks the gofer, and so never waits: it answers what is remembered through
  // others. Thread-safe.
  virtual std::unique_ptr<Channel> NewMemoryChannel() = 0;
  // Becomes readable (POLLHUP) when the gofer is gone.
  virtual int hangup_fd() const = 0;
};

// Takes over the connected SEQPACKET socket and shakes hands (protocol version). Nothing is
// remembered of the first `lookups_before_remembering` names that are looked up. Errors: EPROTO,
// EIO.
Result<std::unique_ptr<Client>> Connect(Fd socket, uint32_t lookups_before_remembering = 0);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_CLIENT_H_
