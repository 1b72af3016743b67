// `--trace`: one line per mediated call: task, name, decoded arguments, result, microseconds.
#ifndef MOAT_SENTRY_TRACE_TRACE_H_
#define MOAT_SENTRY_TRACE_TRACE_H_

#include <string>

#include "base/fd.h"
#include "sentry/call.h"

namespace moat::sentry {

class Tracer {
 public:
  explicit Tracer(Fd out) : out_(std::move(out)) {}
  // Thread-safe; never blocks the workload for long: a full pipe drops the line and counts it.
  void Line(const std::string& line);

 private:
  Fd out_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TRACE_TRACE_H_
