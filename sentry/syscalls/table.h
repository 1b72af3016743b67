// The one table of system calls: every number of Linux 6.18 on x86-64, what is done with it and
// why.
//
// The BPF filter (filter.h), the dispatcher, the trace and docs/syscalls.md are all made from it.
// Numbers that the table does not know, and other ABIs (i386, x32), are refused by the filter.
// Constant data; thread-safe.
#ifndef MOAT_SENTRY_SYSCALLS_TABLE_H_
#define MOAT_SENTRY_SYSCALLS_TABLE_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policies/compiler/filter_spec.h"
#include "sentry/call.h"

namespace moat::sentry {

// The newest call of Linux 6.18: file_setattr.
inline constexpr int kLastSyscall = 469;

enum class Group : uint8_t {
  kInputOutput,  // reading, writing and waiting on descriptors
  kPaths,        // calls that name a file
  kFiles,        // calls on open files
  kMemory,       //
  kProcesses,    // tasks, exec, signals
  kCredentials,  //
  kTime,         //
  kIpc,          // System V and POSIX IPC
  kSockets,      //
  kMounts,       // mounts, namespaces, quotas
  kKernel,       // administration of the machine, introspection
  kObsolete,     // no implementation in Linux 6.18
};
absl::string_view GroupTitle(Group group);

// What happens to a call.
struct Verdict {
  enum class Kind : uint8_t { kNative, kErrno, kNotify };
  Kind kind = Kind::kErrno;
  int error = 0;  // kErrno
};

// True when (argument & mask) <compare> value, unsigned. Arguments that the kernel takes as 32 bits
// have a mask within the lower half; all others are compared in both halves.
struct Condition {
  int argument;
  uint64_t mask;
  uint64_t value;
  policies::Compare compare = policies::Compare::kEqual;
};

// When all conditions hold, `verdict` is final.
struct Check {
  absl::Span<const Condition> conditions;
  Verdict verdict;
};

// How the trace shows an argument.
enum class ArgKind : uint8_t {
  kNone,
  kInt,
  kHex,
  kPointer,
  kSize,
  kOffset,
  kFd,
  kDirFd,      // AT_FDCWD by name
  kPath,       // a NUL-terminated string in the caller's memory
  kString,     // the same, but no path (an extended attribute's name)
  kOpenFlags,  // O_*
  kAtFlags,    // AT_*
  kMode,       // octal
  kSockaddr,   // the next argument is its length
};

struct Entry {
  int nr;
  absl::string_view name;
  Group group;
  absl::Span<const Check> checks;  // in order, the first that holds decides
  Verdict otherwise;
  Handler handler = nullptr;      // set when any verdict is kNotify
  std::array<ArgKind, 6> args{};  // of mediated calls
  // Native: what stands between the call and the host. Errno: why nobody misses it. Notify: how it
  // is answered and where it differs from Linux.
  absl::string_view note;
  // Set when the handler may answer ContinueNative: why that is harmless whatever the caller swaps
  // in meanwhile.
  absl::string_view continue_reason;

  // Whether any of its verdicts is kNotify.
  bool Notifies() const;
};

// All entries, by ascending number; the stub's plan call is the last.
absl::Span<const Entry> SyscallTable();

// Null for a number that the table does not hold: the answer is ENOSYS.
const Entry* FindSyscall(int nr);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_TABLE_H_
