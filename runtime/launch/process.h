// A child process that is not to outlive its owner, and how moat's own programs are executed.
#ifndef MOAT_RUNTIME_LAUNCH_PROCESS_H_
#define MOAT_RUNTIME_LAUNCH_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/cgroups/entrance.h"

namespace moat::launch {

// A child of this process. Killed and reaped by the destructor unless Release was called.
class Process {
 public:
  Process() = default;
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { KillAndReap(); }

  // clone3(2) as a fork with CLONE_* `flags` and a pidfd; the child runs `body`, which must not
  // return. The caller must be single-threaded.
  // `group`: a directory of cgroup v2 that it is born in (CLONE_INTO_CGROUP); -1: where we are.
  static absl::StatusOr<Process> Clone(uint64_t flags, const std::function<void()>& body,
                                       int group = -1);
  // The same, into `groups`: by birth, and, of cgroup v1, by `body`, which is to begin with
  // groups.Enter().
  static absl::StatusOr<Process> CloneInto(const cgroups::Entrance& groups, uint64_t flags,
                                           const std::function<void()>& body);

  pid_t pid() const { return pid_; }  // as this process sees it; -1: none
  int pidfd() const { return pidfd_.get(); }

  void KillAndReap();
  // Waits for its end; an error unless it exits with 0.
  absl::Status WaitForSuccess(const char* what);
  // Gives it up: it lives on.
  Fd Release();

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

// While it lives, children of this process are born in another pid namespace.
class PidNamespaceForChildren {
 public:
  static absl::StatusOr<PidNamespaceForChildren> Enter(int pid_namespace);
  PidNamespaceForChildren(PidNamespaceForChildren&&) = default;
  PidNamespaceForChildren& operator=(PidNamespaceForChildren&&) = delete;
  ~PidNamespaceForChildren();

 private:
  explicit PidNamespaceForChildren(Fd own) : own_(std::move(own)) {}
  Fd own_;
};

// Executes the program behind `program` as `name`, with descriptors 0 to 2 = `null`, 3 = `socket`,
// nothing else and an empty environment. Returns only on failure: the errno.
int ExecuteOwnProgram(int program, const char* name, int null, int socket);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_PROCESS_H_
