#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bench/moat_bench/guest/loopback.h"

namespace moat::bench {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Listener::Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket_.get(), generic, length) == 0 && listen(socket_.get(), 64) == 0 &&
      getsockname(socket_.get(), generic, &length) == 0) {
    port_ = ntohs(address.sin_port);
  }
}

int Listener::Connect() const {
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A reset instead of TIME_WAIT: ports do not run out.
  const linger at_once = {1, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const sockaddr_in address = Loopback(port_);
  if (connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1)
    return -1;
  return client.Release();
}

}  // namespace moat::bench
