// One request being performed by a thread that has already taken on the caller's identity.
#ifndef MOAT_GOFER_SERVER_JOB_H_
#define MOAT_GOFER_SERVER_JOB_H_

#include <sys/types.h>

#include <cerrno>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/fd.h"
#include "gofer/protocol/request.h"
#include "gofer/server/identity.h"
#include "gofer/server/virtual_mounts.h"
#include "gofer/server/watches.h"

namespace moat::gofer {

struct Job {
  const Request& request;
  ThreadIdentity& identity;
  const VirtualMounts& mounts;
  Watches& watches;
  absl::Span<char> scratch;  // for the reply's body
  int base = -1;             // where `path` starts: the caller's base, else its root
  int second_base = -1;      // where `second` starts, alike
  int object = -1;

  const char* path() const { return request.path.data(); }
  const char* second() const { return request.second.data(); }
  // Arguments as the system call takes them.
  uint64_t Wide(size_t index) const { return request.arguments[index]; }
  int Int(size_t index) const { return static_cast<int>(request.arguments[index]); }
  uint32_t Uint(size_t index) const { return static_cast<uint32_t>(request.arguments[index]); }
};

// What came of it.
struct Performed {
  int error = 0;
  int64_t value = 0;
  Fd fd;
  absl::string_view body;  // in Job::scratch
  uint64_t mount_id = 0;   // of the file acted on, where that is known
};

// `result` of a system call that gives nothing but success or -1 and errno.
inline Performed Done(long result) {
  Performed performed;
  if (result < 0) performed.error = errno;
  return performed;
}

inline Performed Failed(int error) {
  Performed performed;
  performed.error = error;
  return performed;
}

// A system call's bytes in the scratch buffer.
inline Performed Bytes(const Job& job, ssize_t size) {
  if (size < 0) return Failed(errno);
  Performed performed;
  performed.body = absl::string_view(job.scratch.data(), static_cast<size_t>(size));
  return performed;
}

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_JOB_H_
