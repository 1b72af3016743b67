// Opens a file that is to be executed, wherever it is: in the container's tree, behind /proc, or
// behind a descriptor.
#ifndef MOAT_SENTRY_EXEC_OPEN_PROGRAM_H_
#define MOAT_SENTRY_EXEC_OPEN_PROGRAM_H_

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

struct OpenedProgram {
  Fd file;  // readable
  bool secret =
      false;  // the caller may execute it but not read it, so it must not get this descriptor
};

// `flags`: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. The errors are those of
// execveat(2); whether the caller may execute a file that it has only a descriptor of is left to
// the kernel's own check in execveat.
Result<OpenedProgram> OpenProgram(Call& call, int dirfd, const std::string& path, int flags);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_OPEN_PROGRAM_H_
