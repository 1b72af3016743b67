// What moat's processes give up by Landlock (landlock(7)), as a second wall behind the first one.
// Where the kernel has no Landlock, or an older one, less is given up and that is no error.
#ifndef MOAT_BASE_LANDLOCK_H_
#define MOAT_BASE_LANDLOCK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace moat {

// The calling thread, and all that it starts, can no longer change the names of files: not create,
// remove, rename, link or truncate any, nor open a directory. Descriptors that others opened for it
// work as before. What it may still do is to open existing files: an execveat(2) of a descriptor
// and mq_open(2) do.
//
// For the workload, behind its empty root. Needs no_new_privs or CAP_SYS_ADMIN in the own user
// namespace. Mounts cannot be changed after it either.
absl::Status GiveUpChangingNames();

// The calling thread, and all that it starts, can no longer signal or trace any process outside,
// reach abstract sockets of others, or use TCP but to connect to `tcp_ports`. Costs nothing at a
// path call.
//
// For gofer and resolver. Needs no_new_privs.
absl::Status GiveUpReachingOthers(const std::vector<uint16_t>& tcp_ports = {});

}  // namespace moat

#endif  // MOAT_BASE_LANDLOCK_H_
