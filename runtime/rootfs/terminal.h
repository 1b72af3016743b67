// The container's terminal: a pty in its own devpts.
#ifndef MOAT_RUNTIME_ROOTFS_TERMINAL_H_
#define MOAT_RUNTIME_ROOTFS_TERMINAL_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/spec/spec.h"

namespace moat::rootfs {

struct Terminal {
  Fd master;  // both O_RDWR | O_NOCTTY, blocking
  Fd slave;
};

// Opens a new pair through /dev/pts/ptmx, verified to be a devpts multiplexer, and gives the slave
// to `owner` (the caller's number of the container's user).
absl::StatusOr<Terminal> OpenPty(const ContainerRoot& root, uid_t owner,
                                 const std::optional<spec::Box>& size);

// The same for the container's init: binds the slave on /dev/console, too.
absl::StatusOr<Terminal> OpenTerminal(const ContainerRoot& root, uid_t owner,
                                      const std::optional<spec::Box>& size);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_TERMINAL_H_
