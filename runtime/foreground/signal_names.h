// Signals by name and number.
#ifndef MOAT_RUNTIME_FOREGROUND_SIGNAL_NAMES_H_
#define MOAT_RUNTIME_FOREGROUND_SIGNAL_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::foreground {

// "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3", "RTMAX-1".
absl::StatusOr<int> ParseSignal(absl::string_view text);

// "SIGKILL" for 9.
std::string SignalName(int signal);

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_SIGNAL_NAMES_H_
