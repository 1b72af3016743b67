// Runs one step of the set-up in a child process, so that the namespaces which it enters or makes
// are not the caller's, and brings its results back.
#ifndef MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_
#define MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_

#include <functional>
#include <string>
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

// Forks, runs `step` in the child with the caller's privileges, reaps the child. The caller must be
// single-threaded. A child that dies without an answer is an error.
absl::StatusOr<Handover> RunInChild(const std::function<absl::StatusOr<Handover>()>& step);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_CHILD_STEP_H_
