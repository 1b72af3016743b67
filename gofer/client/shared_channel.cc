#include "gofer/client/shared_channel.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "gofer/client/request_builder.h"

namespace moat::gofer {
namespace {

template <typename T, typename Convert>
Outcome<T> Map(Outcome<Answer> outcome, Convert convert) {
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  return convert(std::get<Answer>(std::move(outcome)));
}

Outcome<Unit> ToUnit(Outcome<Answer> outcome) {
  return Map<Unit>(std::move(outcome), [](const Answer&) { return Unit{}; });
}

Outcome<std::string> ToString(Outcome<Answer> outcome) {
  return Map<std::string>(std::move(outcome),
                          [](const Answer& answer) { return std::string(answer.body); });
}

// DecodeReply has checked the size.
template <typename T>
T ToObject(absl::string_view body) {
  T object;
  std::memcpy(&object, body.data(), sizeof(object));
  return object;
}

Outcome<Opened> ToOpened(Outcome<Answer> outcome) {
  return Map<Opened>(std::move(outcome), [](Answer answer) {
    const auto attributes = ToObject<struct statx>(answer.body);
    return Opened{std::move(answer.fd), attributes, answer.value != 0};
  });
}

int Number(Follow follow) { return follow == Follow::kYes ? 1 : 0; }

Follow FollowOf(int at_flags) {
  return (at_flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::kNo : Follow::kYes;
}

// Whether `caller` may read the file as its owner: an access list can't say otherwise (acl(5),
// "ACCESS CHECK ALGORITHM").
bool IsReadableOwner(const Credentials& caller, const struct statx& file) {
  return file.stx_uid == caller.uid && caller.uid != kOverflowUid && (file.stx_mode & S_IRUSR) != 0;
}

// Where a remembered symbolic link leads, if it still is one.
std::optional<std::string> ReadRemembered(const Channel::Memory& link) {
  std::array<char, PATH_MAX> target;
  const int at = link.file ? link.file->get() : link.directory;
  const char* name = link.file ? "" : link.name.c_str();
  const ssize_t size = ::readlinkat(at, name, target.data(), target.size());
  if (size < 0 || static_cast<size_t>(size) == target.size()) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(size));
}

}  // namespace

template <typename T>
Outcome<T> SharedChannel::Refreshed(Outcome<T> outcome) {
  names_.Refresh();
  return outcome;
}

Outcome<Opened> SharedChannel::Open(const Credentials& credentials, const PathRef& path,
                                    uint64_t flags, uint32_t mode, uint64_t resolve,
                                    const GiveUp& give_up) {
  return ToOpened(RequestBuilder(Operation::kOpen, credentials, path)
                      .Arguments(flags, mode, resolve)
                      .CallOn(exchange_, &give_up));
}

Channel::Memory SharedChannel::Recall(const Credentials& credentials, const PathRef& path,
                                      Follow follow) {
  return names_.Find(credentials, path, follow);
}

Outcome<Opened> SharedChannel::OpenForExec(const Credentials& credentials, const PathRef& path,
                                           Follow follow) {
  return ToOpened(RequestBuilder(Operation::kOpenForExec, credentials, path)
                      .Arguments(Number(follow))
                      .CallOn(exchange_));
}

Outcome<struct statx> SharedChannel::Stat(const Credentials& credentials, const PathRef& path,
                                          int at_flags, uint32_t mask) {
  constexpr int kPlainFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if ((at_flags & ~kPlainFlags) == 0) {
    if (auto known = names_.Stat(credentials, path, FollowOf(at_flags), mask)) {
      return *std::move(known);
    }
  }
  return Map<struct statx>(
      RequestBuilder(Operation::kStat, credentials, path)
          .Arguments(at_flags, mask)
          .CallOn(exchange_),
      [](const Answer& answer) { return ToObject<struct statx>(answer.body); });
}

Outcome<struct statfs> SharedChannel::StatFs(const Credentials& credentials, const PathRef& path) {
  return Map<struct statfs>(
      RequestBuilder(Operation::kStatFs, credentials, path).CallOn(exchange_),
      [](const Answer& answer) { return ToObject<struct statfs>(answer.body); });
}

Outcome<Unit> SharedChannel::Access(const Credentials& credentials, const PathRef& path, int mode,
                                    int at_flags) {
  constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_UID;
  if (auto known = names_.Stat(credentials, path, FollowOf(at_flags), kMask)) {
    if (auto* failure = std::get_if<Failure>(&*known)) return std::move(*failure);
    if (mode == F_OK) return Unit{};
    const auto& file = std::get<struct statx>(*known);
    if (mode == R_OK && IsReadableOwner(credentials, file)) return Unit{};
  }
  return ToUnit(RequestBuilder(Operation::kAccess, credentials, path)
                    .Arguments(mode, at_flags)
                    .CallOn(exchange_));
}

Outcome<std::string> SharedChannel::ReadLink(const Credentials& credentials, const PathRef& path) {
  if (const Memory link = names_.Find(credentials, path, Follow::kNo); link.known) {
    if (link.missing) return Failure{Errno(ENOENT), {}};
    if (!S_ISLNK(link.mode)) return Failure{Errno(EINVAL), {}};
    if (auto target = ReadRemembered(link)) return *std::move(target);
  }
  return ToString(RequestBuilder(Operation::kReadLink, credentials, path).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Mkdir(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode) {
  return ToUnit(
      RequestBuilder(Operation::kMkdir, credentials, path).Arguments(mode).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Mknod(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode, uint64_t device) {
  return ToUnit(RequestBuilder(Operation::kMknod, credentials, path)
                    .Arguments(mode, device)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Symlink(const Credentials& credentials, absl::string_view target,
                                     const PathRef& path) {
  return ToUnit(
      RequestBuilder(Operation::kSymlink, credentials, path).Second(target).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Link(const Credentials& credentials, const PathRef& from,
                                  const PathRef& to, int at_flags) {
  return ToUnit(RequestBuilder(Operation::kLink, credentials, from)
                    .Arguments(at_flags)
                    .SecondPath(to)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Unlink(const Credentials& credentials, const PathRef& path,
                                    int at_flags) {
  return Refreshed(ToUnit(
      RequestBuilder(Operation::kUnlink, credentials, path).Arguments(at_flags).CallOn(exchange_)));
}

Outcome<Unit> SharedChannel::Rename(const Credentials& credentials, const PathRef& from,
                                    const PathRef& to, uint32_t flags) {
  return Refreshed(ToUnit(RequestBuilder(Operation::kRename, credentials, from)
                              .Arguments(flags)
                              .SecondPath(to)
                              .CallOn(exchange_)));
}

Outcome<Unit> SharedChannel::Chmod(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode, int at_flags) {
  return ToUnit(RequestBuilder(Operation::kChmod, credentials, path)
                    .Arguments(mode, at_flags)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Chown(const Credentials& credentials, const PathRef& path,
                                   uint32_t uid, uint32_t gid, int at_flags) {
  return ToUnit(RequestBuilder(Operation::kChown, credentials, path)
                    .Arguments(uid, gid, at_flags)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::SetTimes(const Credentials& credentials, const PathRef& path,
                                      const std::optional<std::array<struct timespec, 2>>& times,
                                      int at_flags) {
  absl::string_view data;
  if (times) {
    data = absl::string_view(static_cast<const char*>(static_cast<const void*>(times->data())),
                             sizeof(*times));
  }
  return ToUnit(RequestBuilder(Operation::kSetTimes, credentials, path)
                    .Arguments(at_flags)
                    .Data(data)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Truncate(const Credentials& credentials, const PathRef& path,
                                      int64_t length) {
  return ToUnit(
      RequestBuilder(Operation::kTruncate, credentials, path).Arguments(length).CallOn(exchange_));
}

Outcome<std::string> SharedChannel::GetXattr(const Credentials& credentials, const PathRef& path,
                                             Follow follow, absl::string_view name) {
  return ToString(RequestBuilder(Operation::kGetXattr, credentials, path)
                      .Arguments(Number(follow))
                      .Second(name)
                      .CallOn(exchange_));
}

Outcome<std::string> SharedChannel::ListXattr(const Credentials& credentials, const PathRef& path,
                                              Follow follow) {
  return ToString(RequestBuilder(Operation::kListXattr, credentials, path)
                      .Arguments(Number(follow))
                      .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::SetXattr(const Credentials& credentials, const PathRef& path,
                                      Follow follow, absl::string_view name,
                                      absl::string_view value, int flags) {
  return ToUnit(RequestBuilder(Operation::kSetXattr, credentials, path)
                    .Arguments(Number(follow), flags)
                    .Second(name)
                    .Data(value)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::RemoveXattr(const Credentials& credentials, const PathRef& path,
                                         Follow follow, absl::string_view name) {
  return ToUnit(RequestBuilder(Operation::kRemoveXattr, credentials, path)
                    .Arguments(Number(follow))
                    .Second(name)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::BindUnix(const Credentials& credentials, int socket,
                                      const PathRef& path) {
  return ToUnit(
      RequestBuilder(Operation::kBindUnix, credentials, path).Object(socket).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::ConnectUnix(const Credentials& credentials, int socket,
                                         const PathRef& path, const GiveUp& give_up) {
  return ToUnit(RequestBuilder(Operation::kConnectUnix, credentials, path)
                    .Object(socket)
                    .CallOn(exchange_, &give_up));
}

Outcome<size_t> SharedChannel::SendToUnix(const Credentials& credentials, int socket,
                                          const PathRef& path, absl::string_view data, int flags) {
  return Map<size_t>(RequestBuilder(Operation::kSendToUnix, credentials, path)
                         .Arguments(flags)
                         .Data(data)
                         .Object(socket)
                         .CallOn(exchange_),
                     [](const Answer& answer) { return static_cast<size_t>(answer.value); });
}

Outcome<int> SharedChannel::InotifyAdd(const Credentials& credentials, int inotify,
                                       const PathRef& path, uint32_t mask) {
  return Map<int>(RequestBuilder(Operation::kInotifyAdd, credentials, path)
                      .Arguments(mask)
                      .Object(inotify)
                      .CallOn(exchange_),
                  [](const Answer& answer) { return static_cast<int>(answer.value); });
}

}  // namespace moat::gofer
