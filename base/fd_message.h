// Messages with descriptors over AF_UNIX SOCK_SEQPACKET sockets (unix(7), SCM_RIGHTS): one message
// is one packet.
#ifndef MOAT_BASE_FD_MESSAGE_H_
#define MOAT_BASE_FD_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/fd.h"

namespace moat {

struct FdMessage {
  std::string data;
  std::vector<Fd> fds;  // close-on-exec
};

// A connected SOCK_SEQPACKET pair, close-on-exec.
absl::StatusOr<std::pair<Fd, Fd>> SocketPair();

// Sends `data` (not empty) with `fds` (at most 64) as one packet. Blocks.
absl::Status SendMessage(int socket, absl::string_view data, absl::Span<const int> fds = {});

// Receives one packet of at most `max_size` bytes and `max_fds` descriptors. A larger packet or
// more descriptors: an error, and all received descriptors are closed. End of file: an empty
// `data`.
absl::StatusOr<FdMessage> ReceiveMessage(int socket, size_t max_size, size_t max_fds);

}  // namespace moat

#endif  // MOAT_BASE_FD_MESSAGE_H_
