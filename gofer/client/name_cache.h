// Names of the container's tree that were looked up more than once: what they led to, and for how
// long that is true.
//
// Exact, not hopeful: every entry knows the directories and names of its walk, the gofer put an
// inotify watch on each directory *before* it looked into it, and the events are read before every
// use. The kernel queues an event before the system call that made the change returns (fsnotify),
// whoever made it: the workload, another container, the host. So an answer from here is one that
// the kernel could have given at this moment. What a file *is* (size, mode, times) is never
// remembered: only a descriptor of it, O_PATH, for the kernel to be asked again.
//
// docs/adr/007-name-cache.md.
#ifndef MOAT_GOFER_CLIENT_NAME_CACHE_H_
#define MOAT_GOFER_CLIENT_NAME_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "gofer/client/client.h"
#include "gofer/protocol/watched.h"

namespace moat::gofer {

// Thread-safe.
class NameCache {
 public:
  // `events`: the gofer's inotify descriptor, non-blocking. Of the first `warm_up` look-ups nothing
  // is remembered.
  explicit NameCache(Fd events, uint32_t warm_up = 0);

  // A walk as someone, from a directory or from the container's root.
  struct Question {
    const Credentials& credentials;
    absl::string_view path;
    LookFor look_for = LookFor::kTarget;
    int base = -1;   // borrowed; -1: the container's root
    FileId base_id;  // of `base`
  };
  struct Known {
    std::shared_ptr<const Fd> file;  // O_PATH; null: there is no such name (ENOENT)
    uint16_t mode = 0;               // of `file` when it was resolved, and its owner
    uint32_t uid = 0;
    // The path's last name is no symbolic link, as far as its walk shows.
    bool is_plain = false;
    // It is the question's base. Nothing is held of it then: who asks has it, and its end is an
    // event that comes before anything else can get its identity.
    bool is_base = false;
  };
  struct Found {
    std::optional<Known> known;
    bool ask = false;      // not known, and worth a kResolve
    bool current = false;  // the events have been read
  };

  // `before`: how often a name must have been asked for lately to be worth a kResolve. `current`:
  // an earlier look-up for the same call has read the events.
  Found Find(const Question& question, unsigned before, bool current = false);
  // To be asked for before a kResolve is sent: reads the events.
  uint64_t Moment();
  // What a kResolve said that was sent after `moment`. Nothing is kept when anything has changed
  // since.
  void Insert(const Question& question, Known known, absl::Span<const Watched> walk,
              uint64_t moment);
  // Lets go of what has changed: after a removal, so that no descriptor of ours keeps the file.
  void Refresh();
  // A kResolve said that this can't be remembered.
  void GiveUp(const Question& question);

 private:
  // A directory that remembered walks start at. Held, so that nothing else gets its identity.
  struct Base {
    FileId id;
    Fd fd;               // invalid: the container's root, or not held (Known::is_base)
    bool shared = true;  // among all that start there, by bases_
  };
  struct Entry {
    uint64_t key_hash = 0;
    size_t credentials = 0;  // index into credentials_
    std::shared_ptr<const Base> base;
    LookFor look_for = LookFor::kTarget;
    std::string path;
    Known known;
    std::vector<Watched> walk;
    std::list<Entry>::iterator self;
  };
  using Entries = std::list<Entry>;
  // A step of an entry's walk, ordered by watch and name.
  using Step = std::pair<uint64_t, Entry*>;

  bool IsWorthAskingLocked(uint64_t hash, unsigned before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadEventsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets what went through a name of the directory, or through any.
  void ForgetNameLocked(int32_t watch, uint32_t name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetDirectoryLocked(int32_t watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetStepsLocked(uint64_t first, uint64_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null when there are no descriptors left.
  std::shared_ptr<const Base> BaseOfLocked(const Question& question, const Known& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseLocked(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ClearLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null when it is not there.
  Entry* SearchLocked(const Question& question, size_t credentials, uint64_t hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The number that stands for `credentials` without their umask, which no lookup heeds.
  size_t NumberOfLocked(const Credentials& credentials) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // By hash: asked for lately, and hopeless. Direct-mapped: forgetting is harmless.
  static constexpr size_t kRecent = 8192;
  using Recent = std::array<uint64_t, kRecent>;
  static constexpr unsigned kMostAsked = 3;

  const Fd events_;
  const size_t max_entries_;
  absl::Mutex mutex_;                            // a leaf
  uint32_t warm_up_ ABSL_GUARDED_BY(mutex_);     // look-ups that are left of it
  uint64_t moment_ ABSL_GUARDED_BY(mutex_) = 0;  // counts events
  std::vector<Credentials> credentials_ ABSL_GUARDED_BY(mutex_);
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // lately used ones first
  std::unordered_multimap<uint64_t, Entry*> by_key_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<Step> by_step_ ABSL_GUARDED_BY(mutex_);
  std::map<FileId, std::weak_ptr<const Base>> bases_ ABSL_GUARDED_BY(mutex_);
  Recent asked_ ABSL_GUARDED_BY(mutex_) = {};
  std::array<uint8_t, kRecent> times_ ABSL_GUARDED_BY(mutex_) = {};  // of asked_
  uint32_t turned_away_ ABSL_GUARDED_BY(mutex_) = 0;
  Recent hopeless_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_NAME_CACHE_H_
