// The state directory: one directory per container, <root>/<id>, mode 0700.
//
// Concurrent commands: whoever changes a container holds flock(2) on its directory (an Entry);
// readers need no lock, as state.json is replaced atomically. Not thread-safe.
#ifndef MOAT_RUNTIME_STATE_STORE_H_
#define MOAT_RUNTIME_STATE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/state/record.h"

namespace moat::state {

// One container's directory, locked for as long as the Entry lives. Move-only.
class Entry {
 public:
  const std::string& id() const { return id_; }
  const std::string& directory() const { return directory_; }

  absl::StatusOr<Record> Read() const;
  absl::Status Write(const Record& record) const;
  // Deletes the directory and all that is in it.
  absl::Status Remove() const;

 private:
  friend class Store;
  Entry(std::string id, std::string directory, Fd lock)
      : id_(std::move(id)), directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string id_;
  std::string directory_;
  Fd lock_;  // the directory
};

// Whether the caller is root, and of the machine rather than of a user namespace that an ordinary
// user made.
bool IsRootOfTheMachine();

class Store {
 public:
  // /run/moat for root, $XDG_RUNTIME_DIR/moat for others, and for the root of a user namespace that
  // has XDG_RUNTIME_DIR (and not USER=root), as runc does.
  static absl::StatusOr<std::string> DefaultRoot();

  // Makes `root` when it is missing. Refuses "/" and a directory that other users could write to.
  static absl::StatusOr<Store> Open(const std::string& root);

  // A new container's directory. AlreadyExists when the id is taken.
  absl::StatusOr<Entry> Create(const std::string& id) const;
  // Removes what is left of a Create whose process was killed before the first Entry::Write: a
  // directory of ours that is empty but for that. Nothing happens to any other, or to one in use.
  void RemoveUnfinished(const std::string& id) const;
  // Waits for the lock of an existing one. NotFound: "container ID does not exist".
  absl::StatusOr<Entry> Lock(const std::string& id) const;
  // Without waiting: Unavailable when another command holds the lock.
  absl::StatusOr<Entry> TryLock(const std::string& id) const;
  // NotFound as above.
  absl::StatusOr<Record> Read(const std::string& id) const;
  // Where a container of that name has, or would have, its directory.
  std::string Directory(const std::string& id) const;
  // Every directory with an id for a name, sorted.
  absl::StatusOr<std::vector<std::string>> Ids() const;

 private:
  explicit Store(std::string root) : root_(std::move(root)) {}
  absl::StatusOr<Entry> LockWith(const std::string& id, int operation) const;

  std::string root_;
};

}  // namespace moat::state

#endif  // MOAT_RUNTIME_STATE_STORE_H_
