// Runs one step of the set-up in a child process, so that the namespaces which it enters or makes
// are not the caller's, and brings its results back.
#ifndef MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_
#define MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "nlohmann/json.hpp"

namespace moat::namespaces {

// What the step made: plain values, and descriptors whose meaning the step and its caller agree on.
struct Handover {
  nlohmann::json values;
  std::vector<Fd> fds;  // at most kMaxHandoverFds
};

inline constexpr size_t kMaxHandoverFds = 64;

// A status as JSON with its errno, to pass a process border, and back. `json` must come from
// StatusToJson; anything else gives an internal error.
nlohmann::json StatusToJson(const absl::Status& status);
absl::Status StatusFromJson(const nlohmann::json& json);

// A step that runs in a child while the caller does something else. The child has the caller's
// privileges and ends with it. The caller must be single-threaded.
class ChildStep {
 public:
  ChildStep() = default;  // none
  ChildStep(ChildStep&& other) noexcept
      : child_(std::exchange(other.child_, -1)), answer_(std::move(other.answer_)) {}
  ChildStep& operator=(ChildStep&& other) noexcept;
  ~ChildStep();  // kills and reaps a child that was not waited for

  // `step` runs on the child's own copy of all that it refers to.
  static absl::StatusOr<ChildStep> Start(const std::function<absl::StatusOr<Handover>()>& step);
  // Waits for the child and reaps it; once. A child that dies without an answer is an error.
  absl::StatusOr<Handover> Finish();

 private:
  ChildStep(pid_t child, Fd answer) : child_(child), answer_(std::move(answer)) {}
  void Reap();

  pid_t child_ = -1;
  Fd answer_;
};

// Both at once.
absl::StatusOr<Handover> RunInChild(const std::function<absl::StatusOr<Handover>()>& step);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_
