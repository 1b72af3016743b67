// The tmpfs that is the root of every task: holds the stub, under its own name and under that of
// each ELF interpreter asked for. Directories of it are the roots of tasks that did chroot(2)
// (task_roots.h), and hold the same.
//
// In place of the stub a copy of the interpreter stands where the caller may not read it (the stub
// would have to hand it a readable descriptor), and everywhere once programs are traced inside: a
// debugger looks for the interpreter before the stub has had its turn.
#ifndef MOAT_SENTRY_EXEC_STUB_ROOT_H_
#define MOAT_SENTRY_EXEC_STUB_ROOT_H_

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::sentry {

// Which rights a program gives by its set-user-ID and set-group-ID bits and by its capabilities.
struct SetIdKind {
  std::optional<uint32_t> uid, gid;
  std::string capabilities;  // the value of security.capability (struct vfs_cap_data); may be empty
};

// Thread-safe.
class StubRoot {
 public:
  // `tmpfs` is the sentry's read-write mount of it (the workload's is read-only); `loader` a
  // readable moat-loader file.
  static absl::StatusOr<std::unique_ptr<StubRoot>> Create(Fd tmpfs, const Fd& loader);

  // Makes the stub, or a copy of `file`, reachable under `interpreter` (an absolute path as
  // PT_INTERP has it) for tasks whose root is `root` (a path as given to MakeRoot; "": the top).
  // `secret`: the caller may not read `file`. Whether it is a copy. ELIBBAD when the name is too
  // odd or too many names were asked for: each costs memory that the workload does not pay for.
  Result<bool> Provide(const std::string& root, absl::string_view interpreter, const Fd& file,
                       bool secret);
  // From now on Provide makes copies.
  void UseCopies() { use_copies_ = true; }
  bool uses_copies() const { return use_copies_; }

  // Makes a copy of the stub for set_id.h, at the first time; its path, relative to the top.
  // `give_away` gets it, readable, and gives it its owner and bits. ELIBBAD: too many kinds.
  Result<std::string> ProvideSetId(const SetIdKind& kind,
                                   absl::FunctionRef<Result<void>(const Fd& copy)> give_away);

  // Makes an empty directory, to be some tasks' root; its parent is the top or one of its kind.
  // `path` is relative to the top. Its attributes.
  Result<struct stat> MakeRoot(const std::string& path);
  // Removes it with all that is in it. Precondition: no task's root.
  void RemoveRoot(const std::string& path);
  // The attributes of the top.
  Result<struct stat> Top() const;

  // The stub itself, read-only, to be executed.
  const Fd& stub() const { return stub_; }

 private:
  StubRoot(Fd tmpfs, Fd stub) : tmpfs_(std::move(tmpfs)), stub_(std::move(stub)) {}
  // Which file, in which state, a copy was made of.
  struct Original {
    dev_t device = 0;
    ino_t inode = 0;
    int64_t size = 0, modified = 0, changed = 0;
    bool secret = false;
    friend bool operator==(const Original&, const Original&) = default;
  };
  static Result<Original> Identify(const Fd& file, bool secret);
  // The directory that `interpreter` lies in, made if missing.
  Result<Fd> FolderLocked(const std::string& root, absl::string_view interpreter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<void> LinkLocked(const std::string& root, absl::string_view interpreter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<void> CopyLocked(const std::string& root, absl::string_view interpreter, const Fd& file,
                          const Original& original) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Makes a file of that name with the same content; it is not open for writing any more.
  Result<Fd> Copy(const Fd& file, const std::string& name, mode_t mode) const;

  const Fd tmpfs_;
  const Fd stub_;
  absl::Mutex mutex_;
  std::atomic<bool> use_copies_ = false;
  // By root: each name, and what is copied there; nothing where the stub is.
  using Names = std::map<std::string, std::optional<Original>, std::less<>>;
  std::map<std::string, Names> names_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> set_ids_ ABSL_GUARDED_BY(mutex_);
  uint64_t copies_begun_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_STUB_ROOT_H_
