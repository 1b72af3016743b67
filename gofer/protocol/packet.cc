#include "gofer/protocol/packet.h"

#include <sys/socket.h>

#include <cstring>

namespace moat::gofer {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(sizeof(int) * kMaxDescriptors);

void AttachFds(msghdr& header, char* control, absl::Span<const int> fds) {
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(message), fds.data(), sizeof(int) * fds.size());
}

// Takes ownership of all that came. The control buffer has room for kMaxDescriptors and one
// message; the kernel itself drops what does not fit and says MSG_CTRUNC.
void TakeFds(msghdr& header, PacketFds& fds) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message;
       message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level != SOL_SOCKET || message->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (message->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count && fds.count < kMaxDescriptors; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(message) + i * sizeof(int), sizeof(int));
      fds.fds[fds.count++] = Fd(fd);
    }
  }
}

}  // namespace

Result<void> SendPacket(int socket, absl::Span<const iovec> parts, absl::Span<const int> fds) {
  if (fds.size() > kMaxDescriptors) return Errno(EINVAL);
  alignas(cmsghdr) char control[kControlSize] = {};
  msghdr header = {};
  header.msg_iov = const_cast<iovec*>(parts.data());
  header.msg_iovlen = parts.size();
  if (!fds.empty()) AttachFds(header, control, fds);
  while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return Errno::Last();
  }
  return {};
}

Result<size_t> ReceivePacket(int socket, absl::Span<char> buffer, PacketFds& fds, int flags) {
  fds = PacketFds();
  alignas(cmsghdr) char control[kControlSize];
  iovec part = {buffer.data(), buffer.size()};
  msghdr header = {};
  ssize_t size;
  do {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | flags);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return Errno::Last();
  TakeFds(header, fds);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Errno(EPROTO);
  return static_cast<size_t>(size);
}

Result<void> SendDescriptors(int socket, absl::Span<const int> fds) {
  char byte = 0;
  const iovec part = {&byte, 1};
  return SendPacket(socket, {&part, 1}, fds);
}

Result<void> ReceiveDescriptors(int socket, PacketFds& fds) {
  char byte;
  TRY_ASSIGN(const size_t size, ReceivePacket(socket, {&byte, 1}, fds, MSG_DONTWAIT));
  if (size == 0) return Errno(EPIPE);
  return Unit();
}

}  // namespace moat::gofer
