// ETXTBSY for files that the kernel does not execute for the task: scripts, and a script's last
// interpreter, which the stub executes when the old program is gone.
//
// Whether somebody has a file open for writing is told by an execve of it alone, so the task itself
// asks, in the session of its exec: execveat(2) with AT_EXECVE_CHECK (Linux 6.14; an older kernel
// refuses the flag, and such files are executed).
#ifndef MOAT_SENTRY_EXEC_TEXT_BUSY_H_
#define MOAT_SENTRY_EXEC_TEXT_BUSY_H_

#include "absl/types/span.h"
#include "base/result.h"
#include "platform/platform.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

namespace moat::sentry {

// ETXTBSY if one of the files, numbers in the task's table, is open for writing. `empty_path` and
// `argv` are those of the exec.
Result<void> CheckTextBusy(platform::Session& session, absl::Span<const int> files,
                           platform::GuestAddr empty_path, platform::GuestAddr argv);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_TEXT_BUSY_H_
