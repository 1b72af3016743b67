// What the kernel tells of the workload's processes: the two procfs mounts, and the way from a P_B
// number to the process itself. Thread-safe.
//
// Without a capability the sentry, as owner of the workload's user namespace, may list
// /proc/PID/fdinfo, but not /proc/PID/fd nor read environ and auxv of tasks with other uids (their
// mode bits are for the task's uid). So descriptors are listed by fdinfo and named through
// duplicates, and environment and auxiliary vector are read from the task's memory.
#ifndef MOAT_SENTRY_PROC_PROCESS_SOURCE_H_
#define MOAT_SENTRY_PROC_PROCESS_SOURCE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/proc/node.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

// "12" or "12/task/13": the process's directory in procfs.
std::string TaskDirectory(const Place& place);

// Whether `name` is written as procfs writes numbers: digits, no leading zero, at most 10.
bool IsNumber(absl::string_view name);

class ProcessSource {
 public:
  // Both are directory descriptors of procfs, borrowed: P_A's and P_B's.
  ProcessSource(int proc_a, int proc_b);

  // A file of P_B's procfs, by its path there ("12/status"). Errors as open(2) and read(2) give
  // them; EFBIG beyond 32 MiB.
  Result<std::string> Read(const std::string& path) const;
  Result<std::string> ReadLink(const std::string& path) const;
  bool Exists(const std::string& path) const;
  // stat(2) of what is there, following a last link.
  Result<struct stat> Stat(const std::string& path) const;
  // An O_PATH descriptor of what a magic link leads to.
  Result<Fd> OpenPath(const std::string& path) const;

  // Names in ascending order. ENOENT when the process is gone.
  Result<std::vector<std::string>> Pids() const;
  Result<std::vector<std::string>> Tids(pid_t pid) const;
  Result<std::vector<std::string>> Descriptors(const Place& place) const;

  // Identity and credentials, all numbers P_B's (tid and tgid too). ESRCH.
  Result<TaskInfo> Identify(pid_t pid) const;

  // A duplicate of a descriptor. ENOENT when there is none of that number.
  Result<Fd> Duplicate(const Place& place, int fd) const;
  // What /proc/self/fd says of one of the sentry's own descriptors.
  Result<std::string> NameOf(const Fd& fd) const;
  // The same file opened anew: a description of its own.
  Result<Fd> Reopen(const Fd& fd, int flags) const;

  // [from, to) of the process's memory, as far as it is there; at most 16 MiB.
  Result<std::string> ReadMemory(pid_t pid, uint64_t from, uint64_t to) const;

 private:
  // The number of a task of P_B in the sentry's own namespace.
  Result<pid_t> ToSentryNumber(pid_t vpid) const;

  int proc_a_;
  int proc_b_;
};

// Field `number` of /proc/PID/stat, counted from 1 as proc(5) does, from 3 on; 0 when missing.
uint64_t StatField(absl::string_view stat, int number);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_PROCESS_SOURCE_H_
