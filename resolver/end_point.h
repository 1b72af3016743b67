// End points as the kernel takes and gives them.
#ifndef MOAT_RESOLVER_END_POINT_H_
#define MOAT_RESOLVER_END_POINT_H_

#include <sys/socket.h>

#include "policies/container/network.h"

namespace moat::resolver {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
};

SocketAddress ToSocketAddress(const policies::EndPoint& point);

// Thin wrappers, since the calls take a pointer to a type that they do not mean.
int ConnectTo(int socket, const SocketAddress& to);
ssize_t ReceiveFrom(int socket, void* data, size_t size, SocketAddress& from);
ssize_t SendTo(int socket, const void* data, size_t size, const SocketAddress& to);

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_END_POINT_H_
