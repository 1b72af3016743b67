#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "resolver/end_point.h"

namespace moat::resolver {

SocketAddress ToSocketAddress(const policies::EndPoint& point) {
  SocketAddress address;
  if (policies::IsV4(point.address)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(point.port);
    std::memcpy(&v4.sin_addr, point.address.data() + 12, sizeof(v4.sin_addr));
    address.size = sizeof(v4);
    std::memcpy(&address.storage, &v4, sizeof(v4));
    return address;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(point.port);
  std::copy(point.address.begin(), point.address.end(), v6.sin6_addr.s6_addr);
  address.size = sizeof(v6);
  std::memcpy(&address.storage, &v6, sizeof(v6));
  return address;
}

int ConnectTo(int socket, const SocketAddress& to) {
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&to.storage), to.size);
}

ssize_t ReceiveFrom(int socket, void* data, size_t size, SocketAddress& from) {
  from.size = sizeof(from.storage);
  return ::recvfrom(socket, data, size, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from.storage),
                    &from.size);
}

ssize_t SendTo(int socket, const void* data, size_t size, const SocketAddress& to) {
  return ::sendto(socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&to.storage), to.size);
}

}  // namespace moat::resolver
