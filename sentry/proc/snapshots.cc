#include "sentry/proc/snapshots.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // linux/memfd.h, Linux 6.3
#endif

namespace moat::sentry {
namespace {

constexpr size_t kMaxReserved = 64;  // each holds a descriptor of the sentry's
constexpr size_t kMaxKnown = 8192;
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Named by the node's path: that is what /proc/PID/maps shows when the workload maps it.
Result<Fd> NewMemfd(const std::string& path, mode_t mode) {
  const std::string name = path.substr(0, 249);
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd memfd(memfd_create(name.c_str(), flags | MFD_NOEXEC_SEAL));
  if (!memfd && errno == EINVAL) memfd.Reset(memfd_create(name.c_str(), flags));
  if (!memfd) return Errno::Last();
  if (fchmod(memfd.get(), mode) < 0) return Errno::Last();
  return memfd;
}

Result<struct stat> AttributesOf(const Fd& fd) {
  struct stat attributes;
  if (fstat(fd.get(), &attributes) < 0) return Errno::Last();
  return attributes;
}

Result<void> FillAndSeal(const Fd& memfd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(memfd.get(), text.data(), text.size());
    if (size < 0) return Errno::Last();
    text.remove_prefix(static_cast<size_t>(size));
  }
  if (fcntl(memfd.get(), F_ADD_SEALS, kSeals) < 0) return Errno::Last();
  return {};
}

}  // namespace

Result<struct stat> Snapshots::Reserve(pid_t caller, const std::string& path, mode_t mode) {
  absl::MutexLock lock(&mutex_);
  Key key(caller, path);
  if (const auto found = reserved_.find(key); found != reserved_.end()) {
    return AttributesOf(found->second.memfd);
  }
  TRY_ASSIGN(Fd memfd, NewMemfd(path, mode));
  TRY_ASSIGN(struct stat attributes, AttributesOf(memfd));
  if (reserved_.size() >= kMaxReserved) {
    reserved_.erase(reserved_ages_.front());
    reserved_ages_.pop_front();
  }
  RememberLocked(attributes, path);
  const auto age = reserved_ages_.insert(reserved_ages_.end(), key);
  reserved_.emplace(std::move(key), Reserved{std::move(memfd), age});
  return attributes;
}

Result<Fd> Snapshots::TakeReserved(const Key& key, mode_t mode) {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = reserved_.find(key); found != reserved_.end()) {
      Fd memfd = std::move(found->second.memfd);
      reserved_ages_.erase(found->second.age);
      reserved_.erase(found);
      return memfd;
    }
  }
  return NewMemfd(key.second, mode);
}

Result<Fd> Snapshots::OpenSealed(const Fd& memfd, mode_t mode, int flags) const {
  auto opened = processes_.Reopen(memfd, flags);
  if (opened.ok() || !(opened.error() == Errno(EACCES))) return opened;
  // The mode of a file that the sentry, its owner, can't read: for the open it is made readable. (A
  // workload whose root has changed a static file's mode meets this too.)
  if (fchmod(memfd.get(), mode | 0400) < 0) return Errno::Last();
  return processes_.Reopen(memfd, flags);
}

Result<Fd> Snapshots::Open(pid_t caller, const std::string& path, mode_t mode,
                           absl::string_view text, int flags) {
  TRY_ASSIGN(Fd memfd, TakeReserved(Key(caller, path), mode));
  TRY(FillAndSeal(memfd, text));
  TRY_ASSIGN(struct stat attributes, AttributesOf(memfd));
  TRY_ASSIGN(Fd opened, OpenSealed(memfd, mode, flags));
  absl::MutexLock lock(&mutex_);
  RememberLocked(attributes, path);
  return opened;
}

Result<Fd> Snapshots::OpenStatic(const std::string& path, mode_t mode, absl::string_view text,
                                 int flags) {
  int memfd = -1;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = static_.find(path);
    if (found != static_.end()) memfd = found->second.get();
  }
  if (memfd < 0) {
    TRY_ASSIGN(Fd fresh, NewMemfd(path, mode));
    TRY(FillAndSeal(fresh, text));
    TRY_ASSIGN(struct stat attributes, AttributesOf(fresh));
    absl::MutexLock lock(&mutex_);
    static_known_.emplace(FileIdentity::OfSealed(attributes), path);
    // Another thread may have been faster; its file counts then.
    memfd = static_.emplace(path, std::move(fresh)).first->second.get();
  }
  // The number stays valid without the lock.
  Fd borrowed(memfd);
  auto opened = OpenSealed(borrowed, mode, flags);
  static_cast<void>(borrowed.Release());
  return opened;
}

void Snapshots::RememberLocked(const struct stat& attributes, const std::string& path) {
  const FileIdentity identity = FileIdentity::OfSealed(attributes);
  if (const auto found = known_.find(identity); found != known_.end()) {
    known_ages_.erase(found->second.age);
    known_.erase(found);
  }
  if (known_.size() >= kMaxKnown) {
    known_.erase(known_ages_.front());
    known_ages_.pop_front();
  }
  const auto age = known_ages_.insert(known_ages_.end(), identity);
  known_.emplace(identity, Known{path, age});
}

std::optional<std::string> Snapshots::PathOf(FileIdentity identity) {
  absl::MutexLock lock(&mutex_);
  if (const auto found = static_known_.find(identity); found != static_known_.end()) {
    return found->second;
  }
  const auto found = known_.find(identity);
  if (found == known_.end()) return std::nullopt;
  known_ages_.splice(known_ages_.end(), known_ages_, found->second.age);
  return found->second.path;
}

}  // namespace moat::sentry
