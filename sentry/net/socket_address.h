// Socket addresses as the workload gives them: which of them name a file.
#ifndef MOAT_SENTRY_NET_SOCKET_ADDRESS_H_
#define MOAT_SENTRY_NET_SOCKET_ADDRESS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// Copies `size` bytes of address. EINVAL when negative or longer than any address
// (move_addr_to_kernel, net/socket.c), EFAULT.
Result<std::string> ReadSocketAddress(Call& call, platform::GuestAddr from, int size);

// The path of an AF_UNIX address; nothing for other families, for an abstract or an unnamed
// address, and for one that the kernel refuses by its length. The path may lack a NUL (unix(7)).
std::optional<std::string> UnixSocketPath(absl::string_view address);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_NET_SOCKET_ADDRESS_H_
