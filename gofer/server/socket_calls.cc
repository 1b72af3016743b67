#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <optional>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

struct UnixAddress {
  sockaddr_un address;
  socklen_t size;

  const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
  }
};

// The path as a file system address (unix(7)); it may fill sun_path without a NUL. None when it is
// empty (that would be an autobind or unnamed address) or too long: EINVAL, as Linux says.
std::optional<UnixAddress> AddressOf(absl::string_view path) {
  UnixAddress made = {};
  if (path.empty() || path.size() > sizeof(made.address.sun_path)) return std::nullopt;
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path, path.data(), path.size());
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return made;
}

// A datagram to a path, with what goes along with it.
class Datagram {
 public:
  Datagram(absl::string_view data, UnixAddress& address, const ucred& sender) {
    vector_ = {const_cast<char*>(data.data()), data.size()};
    message_.msg_name = &address.address;
    message_.msg_namelen = address.size;
    message_.msg_iov = &vector_;
    message_.msg_iovlen = 1;
    message_.msg_control = control_;
    message_.msg_controllen = sizeof(control_);
    cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(sender));
    std::memcpy(CMSG_DATA(header), &sender, sizeof(sender));
  }
  Datagram(const Datagram&) = delete;
  Datagram& operator=(const Datagram&) = delete;
  const msghdr& message() const { return message_; }

 private:
  iovec vector_{};
  msghdr message_{};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(ucred))] = {};
};

}  // namespace

Performed BindUnix(Job& job) {
  const auto address = AddressOf(job.request.path);
  if (!address) return Failed(EINVAL);
  if (!StartAtBase(job)) return Failed(errno);
  return Done(::bind(job.object, address->get(), address->size));
}

Performed ConnectUnix(Job& job) {
  const auto address = AddressOf(job.request.path);
  if (!address) return Failed(EINVAL);
  if (!StartAtBase(job)) return Failed(errno);
  const AssumedIds assumed(job.identity);
  if (!assumed.ok()) return Failed(EACCES);
  return Done(::connect(job.object, address->get(), address->size));
}

Performed SendToUnix(Job& job) {
  auto address = AddressOf(job.request.path);
  if (!address) return Failed(EINVAL);
  if (!StartAtBase(job)) return Failed(errno);
  // A receiver that asks for SCM_CREDENTIALS gets the caller's ids, not those of this process,
  // which are 0. The pid is this process's, which the receiver's pid namespace knows as 0: another
  // one takes CAP_SYS_ADMIN.
  const ucred sender = {::getpid(), job.request.uid, job.request.gid};
  const Datagram datagram(job.request.data, *address, sender);
  const ssize_t sent = ::sendmsg(job.object, &datagram.message(), job.Int(0) | MSG_NOSIGNAL);
  Performed performed = Done(sent);
  if (sent >= 0) performed.value = sent;
  return performed;
}

Performed InotifyAdd(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  const int watch = ::inotify_add_watch(job.object, job.path(), job.Uint(0));
  Performed performed = Done(watch);
  if (watch >= 0) performed.value = watch;
  return performed;
}

}  // namespace moat::gofer
