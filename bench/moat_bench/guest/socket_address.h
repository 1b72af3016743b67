// Unix socket addresses for connect(2) and bind(2).
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_SOCKET_ADDRESS_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_SOCKET_ADDRESS_H_

#include <string>

namespace moat::bench {

// connect(2) or bind(2)+listen(2) of an AF_UNIX socket by path or abstract name; 0 or the errno.
int ConnectUnix(int socket, bool abstract, const std::string& name);
int ListenUnix(int socket, bool abstract, const std::string& name);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_SOCKET_ADDRESS_H_
