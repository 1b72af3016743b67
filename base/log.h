// Lines for people and for programs that drive us, one write(2) a line so that lines of several
// processes don't mix.
//
// Text: "moat: <message>". JSON as runc writes it: {"level":"error","msg":"...","time":"RFC 3339"}.
// Thread-safe after SetLog; safe in a forked child.
#ifndef MOAT_BASE_LOG_H_
#define MOAT_BASE_LOG_H_

#include "absl/strings/string_view.h"

namespace moat {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// Where lines go: `fd` is borrowed for the life of the process; `name` stands before text lines
// ("moat-sentry"). Lines below `minimum` are dropped. Not thread-safe: call at start. The default
// is text on standard error.
void SetLog(int fd, LogFormat format, LogLevel minimum, absl::string_view name);

void Log(LogLevel level, absl::string_view message);
inline void LogDebug(absl::string_view message) { Log(LogLevel::kDebug, message); }
inline void LogInfo(absl::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(absl::string_view message) { Log(LogLevel::kWarning, message); }
inline void LogError(absl::string_view message) { Log(LogLevel::kError, message); }

}  // namespace moat

#endif  // MOAT_BASE_LOG_H_
