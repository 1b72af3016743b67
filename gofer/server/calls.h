// The operations, each the system call of its name. All act with the calling thread's identity and
// allocate nothing.
#ifndef MOAT_GOFER_SERVER_CALLS_H_
#define MOAT_GOFER_SERVER_CALLS_H_

#include "gofer/server/job.h"

namespace moat::gofer {

// Calls the function for job.request.operation.
Performed PerformCall(Job& job);

// open_calls.cc
Performed Open(Job& job);
Performed OpenForExec(Job& job);

// attribute_calls.cc
Performed Stat(Job& job);
Performed StatFs(Job& job);
Performed Access(Job& job);
Performed Chmod(Job& job);
Performed Chown(Job& job);
Performed SetTimes(Job& job);
Performed Truncate(Job& job);

// name_calls.cc
Performed ReadLink(Job& job);
Performed Mkdir(Job& job);
Performed Mknod(Job& job);
Performed Symlink(Job& job);
Performed Link(Job& job);
Performed Unlink(Job& job);
Performed Rename(Job& job);

// resolve.cc
Performed Resolve(Job& job);

// xattr_calls.cc
Performed GetXattr(Job& job);
Performed ListXattr(Job& job);
Performed SetXattr(Job& job);
Performed RemoveXattr(Job& job);

// socket_calls.cc
Performed BindUnix(Job& job);
Performed ConnectUnix(Job& job);
Performed SendToUnix(Job& job);
Performed InotifyAdd(Job& job);

// For system calls that have no *at form: makes job.base the thread's working directory, which
// nothing else uses, unless the path is absolute. Fails with EACCES just where the walk itself
// would: without search permission on the directory it starts from.
bool StartAtBase(const Job& job);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_CALLS_H_
