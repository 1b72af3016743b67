// Finds out about tasks of the workload: identity, credentials, pending signals, descriptors.
// Thread-safe.
#ifndef MOAT_SENTRY_TASK_TASK_TABLE_H_
#define MOAT_SENTRY_TASK_TASK_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/pidfd.h"
#include "base/result.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

// A duplicate of a descriptor of the task behind `pidfd` (pidfd_getfd(2)): EBADF, ESRCH.
Result<Fd> TakeFdOf(const Fd& pidfd, int fd);

// The numbers among the names of a directory: processes, or threads, in a procfs.
std::vector<pid_t> NumbersIn(int directory, const std::string& path);

class TaskTable {
 public:
  // `proc` is P_A's procfs (directory), borrowed.
  explicit TaskTable(int proc) : proc_(proc) {}

  // Reads /proc/TID/status. ESRCH when the task is gone. Ask Platform::StillWaits afterwards.
  Result<TaskInfo> Look(pid_t tid) const;
  // A duplicate of the task's descriptor (pidfd_getfd(2)): EBADF, ESRCH.
  Result<Fd> TakeFd(pid_t tid, int fd) const;
  // O_PATH descriptor of /proc/TID/<link>, link being "cwd", "root" or "exe".
  Result<Fd> OpenLink(pid_t tid, const char* link) const;
  // The text of that link: a path in the container's tree as the kernel sees it, with " (deleted)"
  // where it applies.
  Result<std::string> ReadLink(pid_t tid, const char* link) const;
  // The path of one of the sentry's own descriptors, in the same form.
  Result<std::string> NameOf(const Fd& fd) const;
  // A new, readable description of the file behind a descriptor of the sentry's, by way of its own
  // /proc/self/fd. EACCES when the sentry's uid may not read it.
  Result<Fd> Reopen(const Fd& fd) const;
  // Whether the task's descriptor is closed by an exec (/proc/TID/fdinfo/N). EBADF.
  Result<bool> IsCloseOnExec(pid_t tid, int fd) const;
  bool IsTraced(pid_t tid) const;
  // Whether no thread of the process has a tracer, or other than so many seccomp filters. One with
  // more than `most` threads is not looked at.
  bool AreOnTheirOwn(pid_t tgid, int filters, size_t most) const;
  // Whether the process runs in its parent's memory, as between vfork(2) and its exec.
  bool SharesMemoryWithParent(pid_t tgid) const;
  // Whether [from, from + size) lies in one private mapping that may be executed and not written.
  bool IsPrivateCode(pid_t tid, uint64_t from, uint64_t size) const;
  // The number of its parent process, in P_A; 0 when that lives outside. ESRCH.
  Result<pid_t> ParentOf(pid_t tgid) const;
  // Whether an unblocked signal is pending for the thread or its group.
  bool SignalPending(pid_t tid) const;

 private:
  int proc_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_TASK_TABLE_H_
