#include "runtime/namespaces/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace moat::namespaces {
namespace {

constexpr size_t kBuffer = 64 * 1024;  // larger than what the kernel puts into one packet

size_t Aligned(size_t size) { return (size + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1}; }

template <typename T>
T Read(absl::string_view bytes) {
  T value = {};
  std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
  return value;
}

std::string Padded(std::string bytes) {
  bytes.resize(Aligned(bytes.size()));
  return bytes;
}

}  // namespace

void NetlinkRequest::Add(uint16_t attribute, absl::string_view data) {
  nlattr header = {};
  header.nla_len = static_cast<uint16_t>(sizeof(header) + data.size());
  header.nla_type = attribute;
  body_ = Padded(std::move(body_)) + Padded(Bytes(header) + std::string(data));
}

std::string NetlinkRequest::Message(uint32_t sequence) const {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + body_.size());
  header.nlmsg_type = type_;
  header.nlmsg_flags = static_cast<uint16_t>(flags_ | NLM_F_REQUEST);
  header.nlmsg_seq = sequence;
  return Bytes(header) + body_;
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Create() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return ErrnoStatus(errno, "socket", "AF_NETLINK");
  return NetlinkSocket(std::move(fd));
}

// The end is an NLMSG_ERROR (0: the acknowledgement) or NLMSG_DONE.
absl::Status NetlinkSocket::Exchange(const NetlinkRequest& request, absl::string_view what,
                                     const std::function<void(absl::string_view body)>& each) {
  const uint32_t sequence = ++sequence_;
  const std::string message = request.Message(sequence);
  if (::send(fd_.get(), message.data(), message.size(), 0) < 0) {
    return ErrnoStatus(errno, "send", what);
  }
  std::string buffer(kBuffer, '\0');
  for (;;) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return ErrnoStatus(size < 0 ? errno : EIO, "recv", what);
    absl::string_view rest(buffer.data(), static_cast<size_t>(size));
    while (rest.size() >= sizeof(nlmsghdr)) {
      const auto header = Read<nlmsghdr>(rest);
      if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest.size()) {
        return ErrnoStatus(EIO, "recv", what);
      }
      const absl::string_view body = rest.substr(sizeof(header), header.nlmsg_len - sizeof(header));
      rest.remove_prefix(std::min(rest.size(), Aligned(header.nlmsg_len)));
      if (header.nlmsg_seq != sequence) continue;
      if (header.nlmsg_type == NLMSG_DONE) return absl::OkStatus();
      if (header.nlmsg_type == NLMSG_ERROR) {
        const int error = -Read<nlmsgerr>(body).error;
        return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "rtnetlink", what);
      }
      each(body);
    }
  }
}

absl::Status NetlinkSocket::Do(const NetlinkRequest& request, absl::string_view what) {
  return Exchange(request, what, [](absl::string_view) {});
}

absl::Status NetlinkSocket::Dump(const NetlinkRequest& request, absl::string_view what,
                                 const std::function<void(absl::string_view body)>& each) {
  return Exchange(request, what, each);
}

std::vector<NetlinkAttribute> ParseAttributes(absl::string_view body, size_t header_size) {
  std::vector<NetlinkAttribute> attributes;
  body.remove_prefix(std::min(body.size(), Aligned(header_size)));
  while (body.size() >= sizeof(nlattr)) {
    const auto header = Read<nlattr>(body);
    if (header.nla_len < sizeof(header) || header.nla_len > body.size()) break;
    attributes.push_back(
        {static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
         std::string(body.substr(sizeof(header), header.nla_len - sizeof(header)))});
    body.remove_prefix(std::min(body.size(), Aligned(header.nla_len)));
  }
  return attributes;
}

}  // namespace moat::namespaces
