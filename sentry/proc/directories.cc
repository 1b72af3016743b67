#include "sentry/proc/directories.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moat::sentry {
namespace {

// Each costs an inode for itself and one for each entry.
constexpr size_t kMaxDirectories = 4096;
// For the sentry, their owner, to work in them.
constexpr mode_t kOwnerMode = 0700;

Result<void> AddEntry(int directory, const std::string& name, mode_t type) {
  int failed = 0;
  if (type == S_IFDIR) {
    failed = mkdirat(directory, name.c_str(), 0555);
  } else if (type == S_IFLNK) {
    failed = symlinkat("-", directory, name.c_str());
  } else {
    Fd file(openat(directory, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444));
    failed = file ? 0 : -1;
  }
  if (failed != 0) return Errno::Last();
  return {};
}

void RemoveEntry(int directory, const std::string& name, mode_t type) {
  unlinkat(directory, name.c_str(), type == S_IFDIR ? AT_REMOVEDIR : 0);
}

Result<struct stat> AttributesAt(int directory, const std::string& name) {
  struct stat attributes;
  if (fstatat(directory, name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) < 0) return Errno::Last();
  return attributes;
}

Result<Fd> OpenDirectory(int parent, const std::string& name, int flags) {
  Fd fd(openat(parent, name.c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | flags));
  if (!fd) return Errno::Last();
  return fd;
}

}  // namespace

Result<struct stat> Directories::Attributes(const std::string& path, mode_t mode) {
  absl::MutexLock lock(&mutex_);
  TRY_ASSIGN(Record * record, FindOrMakeLocked(path, mode));
  return AttributesAt(tmpfs_, record->name);
}

Result<Fd> Directories::Open(const std::string& path, mode_t mode, const Entries& entries,
                             int flags) {
  absl::MutexLock lock(&mutex_);
  TRY_ASSIGN(Record * record, FindOrMakeLocked(path, mode));
  TRY(SynchroniseLocked(path, *record, entries));
  return OpenDirectory(view_, record->name, O_RDONLY | flags);
}

std::optional<std::string> Directories::PathOf(FileIdentity identity) {
  absl::MutexLock lock(&mutex_);
  const auto found = paths_.find(identity);
  if (found == paths_.end()) return std::nullopt;
  return found->second;
}

Result<Directories::Record*> Directories::FindOrMakeLocked(const std::string& path, mode_t mode) {
  if (const auto found = records_.find(path); found != records_.end()) {
    ages_.splice(ages_.end(), ages_, found->second.age);
    return &found->second;
  }
  if (records_.size() >= kMaxDirectories) ForgetLocked(records_.find(ages_.front()));
  Record record;
  record.name = absl::StrCat(++last_number_);
  const mode_t real_mode = mode | kOwnerMode;
  if (mkdirat(tmpfs_, record.name.c_str(), real_mode) < 0) return Errno::Last();
  // The umask is the process's business; the mode must not depend on it.
  if (fchmodat(tmpfs_, record.name.c_str(), real_mode, 0) < 0) return Errno::Last();
  TRY_ASSIGN(struct stat attributes, AttributesAt(tmpfs_, record.name));
  record.identity = FileIdentity::Of(attributes);
  record.age = ages_.insert(ages_.end(), path);
  paths_[record.identity] = path;
  return &records_.emplace(path, std::move(record)).first->second;
}

Result<void> Directories::SynchroniseLocked(const std::string& path, Record& record,
                                            const Entries& entries) {
  if (record.entries == entries) return {};
  TRY_ASSIGN(Fd directory, OpenDirectory(tmpfs_, record.name, O_PATH));
  for (auto old = record.entries.begin(); old != record.entries.end();) {
    const auto wanted = entries.find(old->first);
    if (wanted != entries.end() && wanted->second == old->second) {
      ++old;
      continue;
    }
    RemoveEntry(directory.get(), old->first, old->second);
    if (old->second == S_IFDIR) ForgetBelowLocked(absl::StrCat(path, "/", old->first));
    old = record.entries.erase(old);
  }
  for (const auto& [name, type] : entries) {
    if (record.entries.contains(name)) continue;
    TRY(AddEntry(directory.get(), name, type));
    record.entries.emplace(name, type);
  }
  return {};
}

void Directories::ForgetBelowLocked(const std::string& path) {
  if (const auto self = records_.find(path); self != records_.end()) ForgetLocked(self);
  const std::string prefix = path + "/";
  for (auto record = records_.lower_bound(prefix);
       record != records_.end() && absl::StartsWith(record->first, prefix);) {
    ForgetLocked(record++);
  }
}

void Directories::ForgetLocked(Records::iterator record) {
  if (auto directory = OpenDirectory(tmpfs_, record->second.name, O_PATH); directory.ok()) {
    for (const auto& [name, type] : record->second.entries) {
      RemoveEntry(directory->get(), name, type);
    }
  }
  unlinkat(tmpfs_, record->second.name.c_str(), AT_REMOVEDIR);
  paths_.erase(record->second.identity);
  ages_.erase(record->second.age);
  records_.erase(record);
}

}  // namespace moat::sentry
