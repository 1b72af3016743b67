#include "base/log.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/sanitizer_unsafe.h"
#include "nlohmann/json.hpp"

namespace moat {
namespace {

struct LogSettings {
  int fd = STDERR_FILENO;
  LogFormat format = LogFormat::kText;
  LogLevel minimum = LogLevel::kInfo;
  char name[32] = "moat";
};
// The one mutable global of the project: where a process writes its log, set once at start.
LogSettings settings;

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void SetLog(int fd, LogFormat format, LogLevel minimum, absl::string_view name) {
  settings.fd = fd;
  settings.format = format;
  settings.minimum = minimum;
  name.copy(settings.name, sizeof(settings.name) - 1);
  settings.name[name.size() < sizeof(settings.name) ? name.size() : sizeof(settings.name) - 1] = 0;
  SendSanitizerReportsTo(fd);
}

void Log(LogLevel level, absl::string_view message) {
  if (level < settings.minimum) return;
  std::string line;
  if (settings.format == LogFormat::kJson) {
    nlohmann::ordered_json entry = {
        {"level", LevelName(level)},
        {"msg", std::string(message)},
        {"time", absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone())}};
    line = entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  } else {
    line = absl::StrCat(settings.name, ": ", level == LogLevel::kWarning ? "warning: " : "",
                        message, "\n");
  }
  [[maybe_unused]] ssize_t ignored = ::write(settings.fd, line.data(), line.size());
}

}  // namespace moat
