// Descriptors of a container that its caller gets over sockets of its own, as runc hands them over
// (its docs/terminals.md, and --pidfd-socket): one message with a name and the descriptor.
#ifndef MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_
#define MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_

#include <string>

#include "absl/status/status.h"

namespace moat::cli {

// Connects to the AF_UNIX stream socket at `path` and sends the terminal's name and, with it,
// `master` (borrowed).
absl::Status SendConsole(const std::string& path, int master);

// The same with a pidfd (borrowed), for --pidfd-socket.
absl::Status SendPidfd(const std::string& path, int pidfd);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_
