// Performs one request and finds out whether its walk belongs to the sentry instead.
//
// How a crossing is noticed (docs/ARCHITECTURE.md, "Crossing"). The plain system call comes first,
// always; a walk of our own follows only when its outcome could come from /proc or /sys:
//  * ELOOP: the self-looping symlinks. The walk decides between them and a real loop.
//  * success on a file of one of the two mounts (open, stat, statfs; the reply carries the mount),
//    or a link that reads as its own name: the path ended on /proc itself, or was not followed.
//  * ENOENT, EROFS: a name without a symlink there ("link -> /proc/12345/stat"), or a change of the
//    read-only mount. Common errors, so MayCross first: one openat2(2) more for a PATH search that
//    stays on its mount.
#ifndef MOAT_GOFER_SERVER_EXECUTE_H_
#define MOAT_GOFER_SERVER_EXECUTE_H_

#include <string>

#include "gofer/server/job.h"
#include "gofer/server/virtual_mounts.h"

namespace moat::gofer {

struct Executed {
  Performed performed;
  std::string crossing;  // not empty: the virtual path, and `performed` does not count
};

Executed Execute(const VirtualMounts& mounts, Job& job);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_EXECUTE_H_
