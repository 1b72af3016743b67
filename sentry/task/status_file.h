// Parser of /proc/PID/status (proc_pid_status(5)). Pure; the text is the kernel's but is treated as
// input all the same.
#ifndef MOAT_SENTRY_TASK_STATUS_FILE_H_
#define MOAT_SENTRY_TASK_STATUS_FILE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

struct PendingSignals {
  uint64_t thread = 0, group = 0, blocked = 0, ignored = 0;
  // Whether a signal waits that is neither blocked nor ignored.
  bool Deliverable() const { return ((thread | group) & ~blocked & ~ignored) != 0; }
};

struct StatusFile {
  TaskInfo task;
  PendingSignals signals;
};

// Nothing when a field that moat needs is missing or malformed.
std::optional<StatusFile> ParseStatus(absl::string_view text);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_TASK_STATUS_FILE_H_
