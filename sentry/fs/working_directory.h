// The caller's working directory: the kernel keeps it, as a directory of the gofer's mounts or of
// the virtual tree, which only the sentry can name.
#ifndef MOAT_SENTRY_FS_WORKING_DIRECTORY_H_
#define MOAT_SENTRY_FS_WORKING_DIRECTORY_H_

#include <string>

#include "base/result.h"
#include "sentry/call.h"
#include "sentry/fs/place.h"

namespace moat::sentry {

// chdir(2).
Outcome ChangeDirectory(Call& call, const PathArg& where);

// getcwd(2): the absolute path. ENOENT when the directory was deleted.
Result<std::string> NameWorkingDirectory(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_WORKING_DIRECTORY_H_
