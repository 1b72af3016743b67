#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

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
  const auto address = AddressOf(job.request.path);
  if (!address) return Failed(EINVAL);
  if (!StartAtBase(job)) return Failed(errno);
  const absl::string_view data = job.request.data;
  const ssize_t sent = ::sendto(job.object, data.data(), data.size(), job.Int(0) | MSG_NOSIGNAL,
                                address->get(), address->size);
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
