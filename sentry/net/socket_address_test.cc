#include "sentry/net/socket_address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace moat::sentry {
namespace {

std::string Address(sa_family_t family, absl::string_view path) {
  std::string address(sizeof(family), '\0');
  std::memcpy(address.data(), &family, sizeof(family));
  return address + std::string(path);
}

TEST(UnixSocketPath, EndsAtNulOrAtTheAddress) {
  using absl::string_view;
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, string_view("/run/x\0junk", 11))), "/run/x");
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, "/run/x")), "/run/x");
  const std::string full(sizeof(sockaddr_un::sun_path), 'a');
  EXPECT_EQ(UnixSocketPath(Address(AF_UNIX, full)), full);
}

TEST(UnixSocketPath, NothingWhereNoFileIsNamed) {
  using absl::string_view;
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, "")));                        // autobind
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, string_view("\0name", 5))));  // abstract
  EXPECT_FALSE(UnixSocketPath(Address(AF_INET, "/run/x")));
  EXPECT_FALSE(UnixSocketPath(Address(AF_UNIX, std::string(109, 'a'))));  // EINVAL of the kernel
  EXPECT_FALSE(UnixSocketPath(""));
  EXPECT_FALSE(UnixSocketPath("a"));
}

}  // namespace
}  // namespace moat::sentry
