#include "sentry/net/socket_address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace moat::sentry {

Result<std::string> ReadSocketAddress(Call& call, platform::GuestAddr from, int size) {
  if (size < 0 || static_cast<size_t>(size) > sizeof(sockaddr_storage)) return Errno(EINVAL);
  return call.ReadBytes(from, static_cast<size_t>(size));
}

std::optional<std::string> UnixSocketPath(absl::string_view address) {
  constexpr size_t kPathStart = offsetof(sockaddr_un, sun_path);
  if (address.size() <= kPathStart || address.size() > sizeof(sockaddr_un)) return {};
  sa_family_t family;
  std::memcpy(&family, address.data(), sizeof(family));
  if (family != AF_UNIX) return {};
  absl::string_view path = address.substr(kPathStart);
  path = path.substr(0, path.find('\0'));
  if (path.empty()) return {};
  return std::string(path);
}

}  // namespace moat::sentry
