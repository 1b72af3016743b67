// Directories of the tree: real directories of a tmpfs, so that getdents(2) is native and shows the
// right types, and a directory descriptor tells by (dev, ino) which virtual directory it is.
//
// All lie side by side under numbers, so ".." of one leads to nothing but their siblings. Entries
// are empty files and directories and links without meaning: only names and types count. Those of
// processes that are gone are removed when the directory above is opened next; beyond a fixed
// number the least recently used ones go. Thread-safe.
#ifndef MOAT_SENTRY_PROC_DIRECTORIES_H_
#define MOAT_SENTRY_PROC_DIRECTORIES_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <list>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/proc/identity.h"

namespace moat::sentry {

class Directories {
 public:
  // Names and types (S_IFDIR, S_IFREG, S_IFLNK).
  using Entries = std::map<std::string, mode_t>;

  // `tmpfs`: an empty directory to work in; `view`: the same directory through a mount from which
  // callers get their descriptors (read-only if possible). Both borrowed.
  Directories(int tmpfs, int view) : tmpfs_(tmpfs), view_(view) {}

  // The attributes of the real directory for `path`, which is made if need be.
  Result<struct stat> Attributes(const std::string& path, mode_t mode);
  // Makes the real directory's entries these and opens it. `flags`: O_PATH or 0.
  Result<Fd> Open(const std::string& path, mode_t mode, const Entries& entries, int flags);
  // The path of the virtual directory; Of()'s identity.
  std::optional<std::string> PathOf(FileIdentity identity);

 private:
  struct Record {
    std::string name;  // in tmpfs_
    FileIdentity identity;
    Entries entries;
    std::list<std::string>::iterator age;
  };
  using Records = std::map<std::string, Record>;

  Result<Record*> FindOrMakeLocked(const std::string& path, mode_t mode)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<void> SynchroniseLocked(const std::string& path, Record& record, const Entries& entries)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetBelowLocked(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetLocked(Records::iterator record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int tmpfs_;
  const int view_;
  absl::Mutex mutex_;
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  Records records_ ABSL_GUARDED_BY(mutex_);
  std::map<FileIdentity, std::string> paths_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> ages_ ABSL_GUARDED_BY(mutex_);  // least recently used first
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_DIRECTORIES_H_
