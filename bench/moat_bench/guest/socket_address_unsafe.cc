#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "bench/moat_bench/guest/socket_address.h"

namespace moat::bench {
namespace {

socklen_t Fill(bool abstract, const std::string& name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  const size_t skip = abstract ? 1 : 0;
  if (name.size() + 1 > sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path + skip, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
}

}  // namespace

int ConnectUnix(int socket, bool abstract, const std::string& name) {
  sockaddr_un address;
  const socklen_t length = Fill(abstract, name, address);
  if (length == 0) return ENAMETOOLONG;
  return connect(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

int ListenUnix(int socket, bool abstract, const std::string& name) {
  sockaddr_un address;
  const socklen_t length = Fill(abstract, name, address);
  if (length == 0) return ENAMETOOLONG;
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), length) != 0) return errno;
  return listen(socket, 8) == 0 ? 0 : errno;
}

}  // namespace moat::bench
