// Symbolic links of the tree as files of their own, for those who open the link itself (O_PATH with
// O_NOFOLLOW): real links of a tmpfs. Each says in its text which link of the tree it stands for,
// so that a descriptor is recognised however old it is.
//
// Nobody follows them: a walk through the tree never comes by here, and their text leads nowhere
// in a task's own root. What is kept is bounded; a link that was forgotten gets another identity
// when it is asked for again. Thread-safe.
#ifndef MOAT_SENTRY_PROC_LINKS_H_
#define MOAT_SENTRY_PROC_LINKS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <list>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::sentry {

class Links {
 public:
  // As Directories has them; both borrowed.
  Links(int tmpfs, int view);

  // The attributes of the real link for the one at `path` (canonical), which is made if need be.
  Result<struct stat> Attributes(const std::string& path);
  // The same as an O_PATH descriptor.
  Result<Fd> Open(const std::string& path);
  // Whether that is their file system (st_dev).
  bool IsOn(dev_t device) const { return device == device_; }
  // The path of the link that the descriptor stands for.
  std::optional<std::string> PathOf(const Fd& fd) const;

 private:
  struct Record {
    std::string name;  // in tmpfs_
    std::list<std::string>::iterator age;
  };

  // The name of the real link.
  Result<std::string> FindOrMakeLocked(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int tmpfs_;
  const int view_;
  dev_t device_ = 0;
  absl::Mutex mutex_;
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Record> records_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> ages_ ABSL_GUARDED_BY(mutex_);  // least recently used first
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_LINKS_H_
