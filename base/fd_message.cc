#include "base/fd_message.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/status.h"

namespace moat {
namespace {

constexpr size_t kMaxFds = 64;
constexpr size_t kControlSize = CMSG_SPACE(sizeof(int) * kMaxFds);

// Takes ownership of every descriptor that came, also of those that are too many.
std::vector<Fd> TakeFds(msghdr& header) {
  std::vector<Fd> fds;
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message;
       message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level != SOL_SOCKET || message->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (message->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(message) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

// Waits for a message and tells its size; 0: end of file. Most are far smaller than they may be,
// and a buffer for the largest would cost dozens of page faults each time.
absl::StatusOr<size_t> SizeOfNext(int socket) {
  msghdr header = {};
  ssize_t size;
  do {
    size = ::recvmsg(socket, &header, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return ErrnoStatus(errno, "recvmsg", "");
  return static_cast<size_t>(size);
}

}  // namespace

absl::StatusOr<std::pair<Fd, Fd>> SocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    return ErrnoStatus(errno, "socketpair", "AF_UNIX");
  }
  return std::make_pair(Fd(ends[0]), Fd(ends[1]));
}

absl::Status SendMessage(int socket, absl::string_view data, absl::Span<const int> fds) {
  if (data.empty() || fds.size() > kMaxFds)
    return absl::InvalidArgumentError("SendMessage: bad message");
  alignas(cmsghdr) char control[kControlSize] = {};
  iovec part = {const_cast<char*>(data.data()), data.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(message), fds.data(), sizeof(int) * fds.size());
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return ErrnoStatus(errno, "sendmsg", "");
  return absl::OkStatus();
}

absl::StatusOr<FdMessage> ReceiveMessage(int socket, size_t max_size, size_t max_fds) {
  ASSIGN_OR_RETURN(const size_t next, SizeOfNext(socket));
  FdMessage received;
  received.data.resize(std::min(next, max_size));
  alignas(cmsghdr) char control[kControlSize];
  iovec part = {received.data.data(), received.data.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t size;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return ErrnoStatus(errno, "recvmsg", "");
  received.fds = TakeFds(header);
  if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || received.fds.size() > max_fds) {
    return absl::InvalidArgumentError("recvmsg: the message is larger than the protocol allows");
  }
  received.data.resize(static_cast<size_t>(size));
  return received;
}

}  // namespace moat
