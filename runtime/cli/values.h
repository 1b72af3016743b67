// Values of flags: sizes, durations, processors, volumes.
#ifndef MOAT_RUNTIME_CLI_VALUES_H_
#define MOAT_RUNTIME_CLI_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moat::cli {

// "512M", "1g", "2GiB", "64k", "1048576": bytes, in steps of 1024, above 0.
absl::StatusOr<int64_t> ParseSize(absl::string_view text);

// "10s", "1m30s", "500ms", "10" (seconds): above 0.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// "1.5" processors as microseconds of a cgroup's period of 100 ms: 150000. At least 0.01.
inline constexpr uint64_t kCpuPeriod = 100000;
absl::StatusOr<int64_t> ParseCpuQuota(absl::string_view text);

struct Volume {
  std::string source;       // absolute, exists
  std::string destination;  // absolute
  bool readonly = false;
};
// "SRC:DST", "SRC:DST:ro" or "...:rw".
absl::StatusOr<Volume> ParseVolume(absl::string_view text);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_VALUES_H_
