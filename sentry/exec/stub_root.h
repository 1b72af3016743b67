// The tmpfs that is the root of every task: holds the stub, under its own name and under that of
// each ELF interpreter asked for. Directories of it are the roots of tasks that did chroot(2)
// (task_roots.h), and hold the same.
#ifndef MOAT_SENTRY_EXEC_STUB_ROOT_H_
#define MOAT_SENTRY_EXEC_STUB_ROOT_H_

#include <sys/stat.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::sentry {

// Thread-safe.
class StubRoot {
 public:
  // `tmpfs` is the sentry's read-write mount of it (the workload's is read-only); `loader` a
  // readable moat-loader file.
  static absl::StatusOr<std::unique_ptr<StubRoot>> Create(Fd tmpfs, const Fd& loader);

  // Makes the stub reachable under `interpreter` (an absolute path as PT_INTERP has it) for tasks
  // whose root is `root` (a path as given to MakeRoot; "": the top). ELIBBAD when the name is too
  // odd or too many names were asked for: each costs memory that the workload does not pay for.
  Result<void> Provide(const std::string& root, absl::string_view interpreter);

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
  Result<void> LinkLocked(const std::string& root, absl::string_view interpreter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Fd tmpfs_;
  const Fd stub_;
  absl::Mutex mutex_;
  // By root.
  std::map<std::string, std::set<std::string, std::less<>>> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_STUB_ROOT_H_
