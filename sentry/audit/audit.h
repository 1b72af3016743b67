// Refusals, told as lines of JSON:
//
//   {"time":"2026-01-02T03:04:05.678Z","container":"web","task":7,"call":"ptrace","args":["0x10",..],
//    "answer":"EPERM","rule":"table","reason":"...","allow":"..."}
//
// All of them (--audit), or the first of each call and rule. A line is written at once or not at
// all: never waiting for a reader, and at most kLinesPerSecond on average. What was left out is
// counted, and told by "left_out" in the next line. Thread-safe.
#ifndef MOAT_SENTRY_AUDIT_AUDIT_H_
#define MOAT_SENTRY_AUDIT_AUDIT_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/fd.h"

namespace moat::sentry {

struct Refusal {
  int task = 0;  // in the container's pid namespace
  std::string call;
  std::vector<std::string> arguments;
  std::string answer;  // "EPERM"
  std::string rule;    // where it stands
  std::string reason;
  std::string allow;  // how it can be allowed
};

class Audit {
 public:
  static constexpr int kLinesPerSecond = 100;
  static constexpr int kBurst = 1000;

  // `out`: opened with O_NONBLOCK for appending; none: nothing is recorded.
  Audit(Fd out, std::string container, bool all)
      : out_(std::move(out)), container_(std::move(container)), all_(all) {}

  // Whether a refusal of `call` by `rule` would be recorded now: to be asked before the work of
  // making one. The first of its kind counts as asked for.
  bool Wants(const std::string& call, const std::string& rule);
  void Record(const Refusal& refusal, absl::Time now);

 private:
  bool MayWrite(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Fd out_;
  const std::string container_;
  const bool all_;
  absl::Mutex mutex_;
  std::set<std::string> told_ ABSL_GUARDED_BY(mutex_);
  double tokens_ ABSL_GUARDED_BY(mutex_) = kBurst;
  absl::Time filled_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_AUDIT_AUDIT_H_
