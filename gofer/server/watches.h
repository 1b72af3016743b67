// The inotify watches of a gofer: one on every directory that a remembered walk went through.
#ifndef MOAT_GOFER_SERVER_WATCHES_H_
#define MOAT_GOFER_SERVER_WATCHES_H_

#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::gofer {

// Thread-safe.
class Watches {
 public:
  // Without inotify (EMFILE: fs.inotify.max_user_instances) nothing can be watched.
  Watches();

  // The inotify descriptor, non-blocking: the sentry reads it. Invalid without inotify.
  const Fd& events() const { return events_; }

  // The watch on `directory`, which the calling thread's working directory becomes. Any change of a
  // name in it, of its rights or of its own place is reported from now on. EOPNOTSUPP when that
  // can't be promised: the file system is not one whose changes all come through this kernel, it
  // does not follow symlinks as usual (nosymfollow), may not be read by the caller, or there are
  // too many watches. Nobody who watches the directory sees anything of it.
  Result<int> Watch(int directory);

 private:
  bool IsKnown(int watch);

  const Fd events_;
  absl::Mutex mutex_;
  std::unordered_set<int> known_ ABSL_GUARDED_BY(mutex_);
};

// Whether all changes of names on the file system of `file` are reported by inotify.
bool ReportsChanges(int file);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_WATCHES_H_
