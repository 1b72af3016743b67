// From config.json to spec::Spec. Types are checked here, meaning in validate.h.
#ifndef MOAT_RUNTIME_SPEC_PARSE_H_
#define MOAT_RUNTIME_SPEC_PARSE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::spec {

// A config.json longer than this is refused unread. Docker's are below 100 kB.
inline constexpr size_t kMaxConfigSize = 16 << 20;

// Errors: "config.json is not JSON: line 3, column 7: ..." or "<field path>: ...". Keys that the
// specification does not have are ignored.
absl::StatusOr<Spec> Parse(absl::string_view json);

// A process.json, as clients give it to exec, checked (validate.h) too.
absl::StatusOr<Process> ParseProcess(absl::string_view json);

// The same for linux.resources alone, as `update` takes it.
absl::StatusOr<Resources> ParseResources(absl::string_view json);

// The same for a whole file, checked (validate.h) too; errors name the file and the mend.
absl::StatusOr<Spec> Load(const std::string& file);

// The "hooks" object alone.
absl::StatusOr<Hooks> ParseHooks(absl::string_view json);

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_PARSE_H_
