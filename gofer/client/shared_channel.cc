#include "gofer/client/shared_channel.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <type_traits>
#include <utility>

namespace moat::gofer {
namespace {

// A request under construction with the descriptors that go along.
class Builder {
 public:
  Builder(Operation operation, const Credentials& credentials, const PathRef& path) {
    request_.operation = operation;
    request_.uid = credentials.uid;
    request_.gid = credentials.gid;
    request_.umask = credentials.umask;
    request_.capabilities = credentials.capabilities;
    request_.groups = credentials.groups;
    request_.path = path.path;
    Attach(path.base, kBaseDescriptor);
    Attach(path.root, kRootDescriptor);
  }

  template <typename... T>
  Builder& Arguments(T... values) {
    static_assert(sizeof...(T) <= kArguments);
    request_.arguments = {Widen(values)...};
    return *this;
  }
  Builder& Second(absl::string_view text) {
    request_.second = text;
    return *this;
  }
  // A second path of the same caller: its root is the first path's.
  Builder& SecondPath(const PathRef& path) {
    Attach(path.base, kSecondBaseDescriptor);
    return Second(path.path);
  }
  Builder& Data(absl::string_view data) {
    request_.data = data;
    return *this;
  }
  Builder& Object(int fd) {
    Attach(fd, kObjectDescriptor);
    return *this;
  }

  Outcome<Answer> CallOn(Exchange& exchange, const Channel::GiveUp* give_up = nullptr) {
    return exchange.Call(request_, absl::MakeConstSpan(fds_).first(fd_count_), give_up);
  }

 private:
  // Negative arguments (flags that are wrong) stay what they are in 32 bits.
  template <typename T>
  static uint64_t Widen(T value) {
    return static_cast<uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
  }
  // Descriptors must be attached in the order of their bits.
  void Attach(int fd, uint32_t bit) {
    if (fd < 0) return;
    fds_[fd_count_++] = fd;
    request_.descriptors |= bit;
  }

  Request request_;
  std::array<int, kMaxDescriptors> fds_{};
  size_t fd_count_ = 0;
};

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

Failure Missing() { return Failure{Errno(ENOENT), std::nullopt}; }

// Names are remembered as seen from the container's root, or from a directory that can be told from
// all others.
std::optional<NameCache::Question> QuestionFor(const Credentials& credentials, const PathRef& path,
                                               Follow follow) {
  if (path.path.empty() || path.root >= 0) return std::nullopt;
  NameCache::Question question = {credentials, path.path, follow, -1, {}};
  if (path.base < 0 || path.path[0] == '/') return question;
  if (!path.base_id) return std::nullopt;
  question.base = path.base;
  question.base_id = *path.base_id;
  return question;
}

}  // namespace

std::optional<NameCache::Known> SharedChannel::LookUp(const Credentials& credentials,
                                                      const PathRef& path, Follow follow,
                                                      unsigned before) {
  if (!names_) return std::nullopt;
  const auto wanted = QuestionFor(credentials, path, follow);
  if (!wanted) return std::nullopt;
  const NameCache::Question& question = *wanted;
  NameCache::Found found = names_->Find(question, before);
  if (found.known || !found.ask) return std::move(found.known);
  return Resolve(question, found.moment);
}

std::optional<NameCache::Known> SharedChannel::Resolve(const NameCache::Question& question,
                                                       uint64_t moment) {
  const PathRef path = {.path = question.path, .base = question.base};
  auto outcome = Builder(Operation::kResolve, question.credentials, path)
                     .Arguments(Number(question.follow))
                     .CallOn(exchange_);
  auto* answer = std::get_if<Answer>(&outcome);
  if (!answer || answer->body.size() % sizeof(Watched) != 0 ||
      (answer->value != 0 && answer->value != ENOENT)) {
    names_->GiveUp(question);
    return std::nullopt;
  }
  std::vector<Watched> walk(answer->body.size() / sizeof(Watched));
  std::memcpy(walk.data(), answer->body.data(), answer->body.size());
  NameCache::Known known;
  if (answer->value == 0) known.file = std::make_shared<const Fd>(std::move(answer->fd));
  names_->Insert(question, known, walk, moment);
  return known;
}

bool SharedChannel::IsMissing(const Credentials& credentials, const PathRef& path, Follow follow) {
  const auto known = LookUp(credentials, path, follow);
  return known && !known->file;
}

template <typename T>
Outcome<T> SharedChannel::Refreshed(Outcome<T> outcome) {
  if (names_) names_->Refresh();
  return outcome;
}

Outcome<Opened> SharedChannel::Open(const Credentials& credentials, const PathRef& path,
                                    uint64_t flags, uint32_t mode, uint64_t resolve,
                                    const GiveUp& give_up) {
  return ToOpened(Builder(Operation::kOpen, credentials, path)
                      .Arguments(flags, mode, resolve)
                      .CallOn(exchange_, &give_up));
}

Channel::Memory SharedChannel::Recall(const Credentials& credentials, const PathRef& path,
                                      Follow follow) {
  // Before most opens there is a stat: two of a kind are a habit.
  auto known = LookUp(credentials, path, follow, /*before=*/2);
  if (!known) return {};
  return {true, std::move(known->file)};
}

Outcome<Opened> SharedChannel::OpenForExec(const Credentials& credentials, const PathRef& path,
                                           Follow follow) {
  return ToOpened(Builder(Operation::kOpenForExec, credentials, path)
                      .Arguments(Number(follow))
                      .CallOn(exchange_));
}

Outcome<struct statx> SharedChannel::Stat(const Credentials& credentials, const PathRef& path,
                                          int at_flags, uint32_t mask) {
  constexpr int kPlainFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if ((at_flags & ~kPlainFlags) == 0) {
    if (const auto known = LookUp(credentials, path, FollowOf(at_flags))) {
      struct statx attributes;
      if (!known->file) return Missing();
      if (::statx(known->file->get(), "", AT_EMPTY_PATH, mask, &attributes) == 0) return attributes;
    }
  }
  return Map<struct statx>(
      Builder(Operation::kStat, credentials, path).Arguments(at_flags, mask).CallOn(exchange_),
      [](const Answer& answer) { return ToObject<struct statx>(answer.body); });
}

Outcome<struct statfs> SharedChannel::StatFs(const Credentials& credentials, const PathRef& path) {
  return Map<struct statfs>(
      Builder(Operation::kStatFs, credentials, path).CallOn(exchange_),
      [](const Answer& answer) { return ToObject<struct statfs>(answer.body); });
}

Outcome<Unit> SharedChannel::Access(const Credentials& credentials, const PathRef& path, int mode,
                                    int at_flags) {
  if (IsMissing(credentials, path, FollowOf(at_flags))) return Missing();
  return ToUnit(
      Builder(Operation::kAccess, credentials, path).Arguments(mode, at_flags).CallOn(exchange_));
}

Outcome<std::string> SharedChannel::ReadLink(const Credentials& credentials, const PathRef& path) {
  if (IsMissing(credentials, path, Follow::kNo)) return Missing();
  return ToString(Builder(Operation::kReadLink, credentials, path).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Mkdir(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode) {
  return ToUnit(Builder(Operation::kMkdir, credentials, path).Arguments(mode).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Mknod(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode, uint64_t device) {
  return ToUnit(
      Builder(Operation::kMknod, credentials, path).Arguments(mode, device).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Symlink(const Credentials& credentials, absl::string_view target,
                                     const PathRef& path) {
  return ToUnit(Builder(Operation::kSymlink, credentials, path).Second(target).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Link(const Credentials& credentials, const PathRef& from,
                                  const PathRef& to, int at_flags) {
  return ToUnit(Builder(Operation::kLink, credentials, from)
                    .Arguments(at_flags)
                    .SecondPath(to)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Unlink(const Credentials& credentials, const PathRef& path,
                                    int at_flags) {
  return Refreshed(
      ToUnit(Builder(Operation::kUnlink, credentials, path).Arguments(at_flags).CallOn(exchange_)));
}

Outcome<Unit> SharedChannel::Rename(const Credentials& credentials, const PathRef& from,
                                    const PathRef& to, uint32_t flags) {
  return Refreshed(ToUnit(Builder(Operation::kRename, credentials, from)
                              .Arguments(flags)
                              .SecondPath(to)
                              .CallOn(exchange_)));
}

Outcome<Unit> SharedChannel::Chmod(const Credentials& credentials, const PathRef& path,
                                   uint32_t mode, int at_flags) {
  return ToUnit(
      Builder(Operation::kChmod, credentials, path).Arguments(mode, at_flags).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Chown(const Credentials& credentials, const PathRef& path,
                                   uint32_t uid, uint32_t gid, int at_flags) {
  return ToUnit(Builder(Operation::kChown, credentials, path)
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
  return ToUnit(Builder(Operation::kSetTimes, credentials, path)
                    .Arguments(at_flags)
                    .Data(data)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::Truncate(const Credentials& credentials, const PathRef& path,
                                      int64_t length) {
  return ToUnit(
      Builder(Operation::kTruncate, credentials, path).Arguments(length).CallOn(exchange_));
}

Outcome<std::string> SharedChannel::GetXattr(const Credentials& credentials, const PathRef& path,
                                             Follow follow, absl::string_view name) {
  return ToString(Builder(Operation::kGetXattr, credentials, path)
                      .Arguments(Number(follow))
                      .Second(name)
                      .CallOn(exchange_));
}

Outcome<std::string> SharedChannel::ListXattr(const Credentials& credentials, const PathRef& path,
                                              Follow follow) {
  return ToString(Builder(Operation::kListXattr, credentials, path)
                      .Arguments(Number(follow))
                      .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::SetXattr(const Credentials& credentials, const PathRef& path,
                                      Follow follow, absl::string_view name,
                                      absl::string_view value, int flags) {
  return ToUnit(Builder(Operation::kSetXattr, credentials, path)
                    .Arguments(Number(follow), flags)
                    .Second(name)
                    .Data(value)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::RemoveXattr(const Credentials& credentials, const PathRef& path,
                                         Follow follow, absl::string_view name) {
  return ToUnit(Builder(Operation::kRemoveXattr, credentials, path)
                    .Arguments(Number(follow))
                    .Second(name)
                    .CallOn(exchange_));
}

Outcome<Unit> SharedChannel::BindUnix(const Credentials& credentials, int socket,
                                      const PathRef& path) {
  return ToUnit(Builder(Operation::kBindUnix, credentials, path).Object(socket).CallOn(exchange_));
}

Outcome<Unit> SharedChannel::ConnectUnix(const Credentials& credentials, int socket,
                                         const PathRef& path, const GiveUp& give_up) {
  return ToUnit(Builder(Operation::kConnectUnix, credentials, path)
                    .Object(socket)
                    .CallOn(exchange_, &give_up));
}

Outcome<size_t> SharedChannel::SendToUnix(const Credentials& credentials, int socket,
                                          const PathRef& path, absl::string_view data, int flags) {
  return Map<size_t>(Builder(Operation::kSendToUnix, credentials, path)
                         .Arguments(flags)
                         .Data(data)
                         .Object(socket)
                         .CallOn(exchange_),
                     [](const Answer& answer) { return static_cast<size_t>(answer.value); });
}

Outcome<int> SharedChannel::InotifyAdd(const Credentials& credentials, int inotify,
                                       const PathRef& path, uint32_t mask) {
  return Map<int>(Builder(Operation::kInotifyAdd, credentials, path)
                      .Arguments(mask)
                      .Object(inotify)
                      .CallOn(exchange_),
                  [](const Answer& answer) { return static_cast<int>(answer.value); });
}

}  // namespace moat::gofer
