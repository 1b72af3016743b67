// Addresses of unix sockets that a path names, and sockets that have none yet.
#ifndef MOAT_TESTS_CONFORMANCE_UNIX_ADDRESS_H_
#define MOAT_TESTS_CONFORMANCE_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "tests/conformance/conformance.h"

namespace moat::conformance {

struct Name {
  explicit Name(const std::string& path) {
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
  }
  sockaddr_un address{};
  socklen_t size = 0;
};

inline Fd New(int type) { return Fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)); }
// 0 or an errno.
inline int Bind(const Fd& fd, const std::string& path) {
  const Name name(path);
  return ErrnoOf(bind(fd.get(), name.get(), name.size));
}
inline int Connect(const Fd& fd, const std::string& path) {
  const Name name(path);
  return ErrnoOf(connect(fd.get(), name.get(), name.size));
}

}  // namespace moat::conformance

#endif  // MOAT_TESTS_CONFORMANCE_UNIX_ADDRESS_H_
