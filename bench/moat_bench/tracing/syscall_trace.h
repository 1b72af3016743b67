// Which system calls the host's kernel ran, seen by its tracepoint raw_syscalls:sys_enter.
//
// The tracepoint lies behind seccomp in the kernel's way into a system call (kernel/entry/common.c,
// syscall_trace_enter): a call that a filter refuses, or that a supervisor answers, is not seen
// here; a call that the kernel runs is.
#ifndef MOAT_BENCH_MOAT_BENCH_TRACING_SYSCALL_TRACE_H_
#define MOAT_BENCH_MOAT_BENCH_TRACING_SYSCALL_TRACE_H_

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::bench {

// The kernel's one tracefs, mounted nowhere that anybody else would see: it goes with this object.
class Tracefs {
 public:
  static absl::StatusOr<Tracefs> Open();
  // The folder of the trace that `process` makes.
  std::string InstanceOf(pid_t process) const;

 private:
  explicit Tracefs(Fd mount) : mount_(std::move(mount)) {}
  Fd mount_;
};

struct TraceEvent {
  enum class Kind { kEnter, kExit, kSwitch } kind;
  std::string command;
  pid_t thread = 0;
  pid_t process = 0;  // 0 when the kernel did not record it
  double seconds = 0;
  long number = 0;
  std::array<uint64_t, 6> arguments = {};  // of kEnter
  long result = 0;                         // of kExit
  pid_t next = 0;                          // of kSwitch: who runs now
};

class SyscallTrace {
 public:
  enum class Detail { kEntries, kTimes };  // kTimes: exits and switches of tasks too

  // Begins to trace all processes that `root` starts from now on, and theirs, in a tracefs instance
  // of its own. Unavailable, with the reason, where the kernel or the privileges do not allow it.
  static absl::StatusOr<std::unique_ptr<SyscallTrace>> Start(pid_t root, Detail detail);
  // Removes the instance.
  ~SyscallTrace();
  SyscallTrace(const SyscallTrace&) = delete;
  SyscallTrace& operator=(const SyscallTrace&) = delete;

  // Ends tracing and returns what was seen. `lost` is how many events did not fit.
  absl::StatusOr<std::vector<TraceEvent>> Stop(long* lost);

 private:
  explicit SyscallTrace(Tracefs tracefs)
      : tracefs_(std::move(tracefs)), folder_(tracefs_.InstanceOf(getpid())) {}

  const Tracefs tracefs_;
  const std::string folder_;
};

// One line of tracefs' `trace` file; false when it is none of these events.
bool ParseTraceLine(const std::string& line, TraceEvent& event);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_TRACING_SYSCALL_TRACE_H_
