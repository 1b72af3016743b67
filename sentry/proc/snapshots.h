// Regular files of the tree: sealed memfds, handed out as read-only descriptions of their own.
//
// stat(2) by path has to show the identity that the next open gives (cp(1) says "replaced while
// being copied" otherwise). So a stat sets an *empty* memfd aside for the caller, and the next open
// of the same file by the same caller fills and seals that one: the contents are never older than
// the open. Everything is bounded: what was not used for long is forgotten. Thread-safe.
#ifndef MOAT_SENTRY_PROC_SNAPSHOTS_H_
#define MOAT_SENTRY_PROC_SNAPSHOTS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/proc/identity.h"
#include "sentry/proc/process_source.h"

namespace moat::sentry {

class Snapshots {
 public:
  // `processes` (borrowed) is asked to open memfds anew.
  explicit Snapshots(const ProcessSource& processes) : processes_(processes) {}

  // The attributes of what the next Open of `path` by `caller` (a thread group) will give.
  Result<struct stat> Reserve(pid_t caller, const std::string& path, mode_t mode);
  // A sealed file with `text`. `flags`: O_PATH or an access mode; write(2) fails with EPERM
  // whatever that is (memfd_create(2)).
  Result<Fd> Open(pid_t caller, const std::string& path, mode_t mode, absl::string_view text,
                  int flags);
  // The one file for everybody, made with `text` at the first time.
  Result<Fd> OpenStatic(const std::string& path, mode_t mode, absl::string_view text, int flags);

  // The path of the node that the file is a snapshot of; FileIdentity::OfSealed.
  std::optional<std::string> PathOf(FileIdentity identity);

 private:
  using Key = std::pair<pid_t, std::string>;
  struct Reserved {
    Fd memfd;
    std::list<Key>::iterator age;
  };
  struct Known {
    std::string path;
    std::list<FileIdentity>::iterator age;
  };

  // What was set aside, or a new memfd.
  Result<Fd> TakeReserved(const Key& key, mode_t mode);
  Result<Fd> OpenSealed(const Fd& memfd, mode_t mode, int flags) const;
  void RememberLocked(const struct stat& attributes, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ProcessSource& processes_;
  absl::Mutex mutex_;
  std::map<Key, Reserved> reserved_ ABSL_GUARDED_BY(mutex_);
  std::list<Key> reserved_ages_ ABSL_GUARDED_BY(mutex_);      // oldest first
  std::map<std::string, Fd> static_ ABSL_GUARDED_BY(mutex_);  // never closed
  std::map<FileIdentity, std::string> static_known_ ABSL_GUARDED_BY(mutex_);
  std::map<FileIdentity, Known> known_ ABSL_GUARDED_BY(mutex_);
  std::list<FileIdentity> known_ages_ ABSL_GUARDED_BY(mutex_);  // least recently used first
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_SNAPSHOTS_H_
