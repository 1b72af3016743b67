#include "gofer/server/calls.h"

#include <unistd.h>

#include "absl/strings/match.h"

namespace moat::gofer {

Performed PerformCall(Job& job) {
  switch (job.request.operation) {
    case Operation::kOpen:
      return Open(job);
    case Operation::kOpenForExec:
      return OpenForExec(job);
    case Operation::kStat:
      return Stat(job);
    case Operation::kStatFs:
      return StatFs(job);
    case Operation::kAccess:
      return Access(job);
    case Operation::kReadLink:
      return ReadLink(job);
    case Operation::kMkdir:
      return Mkdir(job);
    case Operation::kMknod:
      return Mknod(job);
    case Operation::kSymlink:
      return Symlink(job);
    case Operation::kLink:
      return Link(job);
    case Operation::kUnlink:
      return Unlink(job);
    case Operation::kRename:
      return Rename(job);
    case Operation::kChmod:
      return Chmod(job);
    case Operation::kChown:
      return Chown(job);
    case Operation::kSetTimes:
      return SetTimes(job);
    case Operation::kTruncate:
      return Truncate(job);
    case Operation::kGetXattr:
      return GetXattr(job);
    case Operation::kListXattr:
      return ListXattr(job);
    case Operation::kSetXattr:
      return SetXattr(job);
    case Operation::kRemoveXattr:
      return RemoveXattr(job);
    case Operation::kBindUnix:
      return BindUnix(job);
    case Operation::kConnectUnix:
      return ConnectUnix(job);
    case Operation::kSendToUnix:
      return SendToUnix(job);
    case Operation::kInotifyAdd:
      return InotifyAdd(job);
    case Operation::kResolve:
      return Resolve(job);
  }
  return Failed(ENOSYS);
}

bool StartAtBase(const Job& job) {
  // An empty path fails with ENOENT before Linux looks at any directory.
  const absl::string_view path = job.request.path;
  return path.empty() || absl::StartsWith(path, "/") || ::fchdir(job.base) == 0;
}

}  // namespace moat::gofer
