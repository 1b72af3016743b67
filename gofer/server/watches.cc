#include "gofer/server/watches.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace moat::gofer {
namespace {

constexpr size_t kMaxWatches = 8192;
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr long kNoSymFollow = 0x2000;  // ST_NOSYMFOLLOW, Linux 5.10
constexpr long kXfsMagic = 0x58465342;

}  // namespace

bool ReportsChanges(int file) {
  struct statfs file_system;
  if (::fstatfs(file, &file_system) < 0 || (file_system.f_flags & kNoSymFollow) != 0) return false;
  switch (file_system.f_type) {
    case OVERLAYFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case EXT4_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case kXfsMagic:
    case SQUASHFS_MAGIC:
    case ISOFS_SUPER_MAGIC:
      return true;
  }
  return false;
}

Watches::Watches() : events_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

Result<int> Watches::Watch(int directory) {
  if (!events_ || ::fchdir(directory) < 0) return Errno(EOPNOTSUPP);
  const int watch = ::inotify_add_watch(events_.get(), ".", kEvents);
  if (watch < 0) return Errno(EOPNOTSUPP);
  if (IsKnown(watch)) return watch;
  absl::MutexLock lock(&mutex_);
  if (known_.size() >= kMaxWatches || !ReportsChanges(directory)) {
    ::inotify_rm_watch(events_.get(), watch);
    return Errno(EOPNOTSUPP);
  }
  known_.insert(watch);
  return watch;
}

bool Watches::IsKnown(int watch) {
  absl::MutexLock lock(&mutex_);
  return known_.count(watch) != 0;
}

}  // namespace moat::gofer
