#include "sentry/proc/links.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moat::sentry {
namespace {

// Each costs an inode.
constexpr size_t kMaxLinks = 4096;

}  // namespace

Links::Links(int tmpfs, int view) : tmpfs_(tmpfs), view_(view) {
  struct stat attributes;
  if (fstat(tmpfs_, &attributes) == 0) device_ = attributes.st_dev;
}

Result<struct stat> Links::Attributes(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  TRY_ASSIGN(const std::string name, FindOrMakeLocked(path));
  struct stat attributes;
  if (fstatat(tmpfs_, name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) < 0) return Errno::Last();
  return attributes;
}

Result<Fd> Links::Open(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  TRY_ASSIGN(const std::string name, FindOrMakeLocked(path));
  Fd link(openat(view_, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!link) return Errno::Last();
  return link;
}

std::optional<std::string> Links::PathOf(const Fd& fd) const {
  struct stat attributes;
  if (fstat(fd.get(), &attributes) < 0) return std::nullopt;
  if (!S_ISLNK(attributes.st_mode) || !IsOn(attributes.st_dev)) return std::nullopt;
  std::array<char, PATH_MAX> text;
  const ssize_t size = readlinkat(fd.get(), "", text.data(), text.size());
  if (size <= 0) return std::nullopt;
  std::string path(text.data(), static_cast<size_t>(size));
  // The entries of directories are links of this file system too.
  if (!absl::StartsWith(path, "/")) return std::nullopt;
  return path;
}

Result<std::string> Links::FindOrMakeLocked(const std::string& path) {
  if (const auto found = records_.find(path); found != records_.end()) {
    ages_.splice(ages_.end(), ages_, found->second.age);
    return found->second.name;
  }
  if (records_.size() >= kMaxLinks) {
    const auto oldest = records_.find(ages_.front());
    unlinkat(tmpfs_, oldest->second.name.c_str(), 0);
    records_.erase(oldest);
    ages_.pop_front();
  }
  // Beside the directories, which have plain numbers.
  std::string name = absl::StrCat("link-", ++last_number_);
  if (symlinkat(path.c_str(), tmpfs_, name.c_str()) < 0) return Errno::Last();
  records_.emplace(path, Record{name, ages_.insert(ages_.end(), path)});
  return name;
}

}  // namespace moat::sentry
