// One packet over a SEQPACKET socket, without allocation.
#ifndef MOAT_GOFER_PROTOCOL_PACKET_H_
#define MOAT_GOFER_PROTOCOL_PACKET_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {

// The descriptors of one packet, close-on-exec.
struct PacketFds {
  std::array<Fd, kMaxDescriptors> fds;
  size_t count = 0;
};

// Sends `parts` as one packet with `fds` (borrowed, at most kMaxDescriptors). Never raises SIGPIPE;
// retries EINTR. EMSGSIZE: larger than the socket's buffer; EPIPE: the peer is gone.
Result<void> SendPacket(int socket, absl::Span<const iovec> parts, absl::Span<const int> fds);

// Receives one packet into `buffer`; its size, 0 at end of file. Replaces `fds`. EAGAIN after
// SO_RCVTIMEO, and with MSG_DONTWAIT in `flags` when there is none; EPROTO: larger than `buffer` or
// with too many descriptors. Retries EINTR.
Result<size_t> ReceivePacket(int socket, absl::Span<char> buffer, PacketFds& fds, int flags = 0);

// A packet that carries nothing but descriptors (at least one).
Result<void> SendDescriptors(int socket, absl::Span<const int> fds);
// Receives one that has been sent before; never sleeps. EPROTO, EAGAIN, EPIPE.
Result<void> ReceiveDescriptors(int socket, PacketFds& fds);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_PACKET_H_
