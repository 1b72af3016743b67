// The caller's side of a container's terminal, handed over as runc does (docs/terminals.md there).
#ifndef MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_
#define MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_

#include <string>

#include "absl/status/status.h"

namespace moat::cli {

// Connects to the AF_UNIX stream socket at `path` and sends the terminal's name and, with it,
// `master` (borrowed).
absl::Status SendConsole(const std::string& path, int master);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_CONSOLE_SOCKET_H_
