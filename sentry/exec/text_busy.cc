#include "sentry/exec/text_busy.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>

namespace moat::sentry {

Result<void> CheckTextBusy(platform::Session& session, absl::Span<const int> files,
                           platform::GuestAddr empty_path, platform::GuestAddr argv) {
  for (const int file : files) {
    const auto executable =
        session.Call(SYS_execveat, {static_cast<uint64_t>(file), empty_path.value(), argv.value(),
                                    0, AT_EMPTY_PATH | AT_EXECVE_CHECK});
    // Whatever else is wrong the exec itself says.
    if (!executable.ok() && executable.error() == Errno(ETXTBSY)) return Errno(ETXTBSY);
  }
  return {};
}

}  // namespace moat::sentry
