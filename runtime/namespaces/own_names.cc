#include "runtime/namespaces/own_names.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "base/status.h"

namespace moat::namespaces {

absl::Status SetNames(const std::string& hostname, const std::string& domainname) {
  if (!hostname.empty() && ::sethostname(hostname.data(), hostname.size()) < 0) {
    return ErrnoStatus(errno, "sethostname", hostname);
  }
  if (!domainname.empty() && ::setdomainname(domainname.data(), domainname.size()) < 0) {
    return ErrnoStatus(errno, "setdomainname", domainname);
  }
  return absl::OkStatus();
}

absl::Status SetLoopbackUp() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoStatus(errno, "socket", "AF_INET");
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", sizeof(request.ifr_name) - 1);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) < 0) {
    return ErrnoStatus(errno, "ioctl SIOCGIFFLAGS", "lo");
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) {
    return ErrnoStatus(errno, "ioctl SIOCSIFFLAGS", "lo");
  }
  return absl::OkStatus();
}

}  // namespace moat::namespaces
