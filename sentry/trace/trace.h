// `--trace`: one line per mediated call: task, name, decoded arguments, result, microseconds.
//
//   7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC, 0) = fd <48 us>
//
// The strings shown are those the decision was made on, not read again.
#ifndef MOAT_SENTRY_TRACE_TRACE_H_
#define MOAT_SENTRY_TRACE_TRACE_H_

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/fd.h"
#include "sentry/call.h"

namespace moat::sentry {

struct Entry;

// Thread-safe. A line is one write(2), so lines do not mix; a reader that does not keep up slows
// the container down rather than losing lines.
class Tracer {
 public:
  explicit Tracer(Fd out) : out_(std::move(out)) {}
  // `why` is put behind the answer.
  void Record(Call& call, const Entry& entry, const Outcome& outcome, absl::Duration took,
              absl::string_view why);

 private:
  const Fd out_;
};

// The line without its end; for tests. `task` is the caller's number in the container.
std::string TraceLine(pid_t task, const Call& call, const Entry& entry, const Outcome& outcome,
                      absl::Duration took, absl::string_view why);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TRACE_TRACE_H_
