#include "sentry/net/task_name.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace moat::sentry {
namespace {

// The path of the address, with as many steps up as "^N".
std::string PathFrom(absl::string_view directory, absl::string_view target, bool was_relative) {
  const auto address = AddressFrom(directory, target, was_relative);
  if (!address) return "(none)";
  EXPECT_LE(address->size(), sizeof(sockaddr_un));
  sa_family_t family = 0;
  std::memcpy(&family, address->data(), sizeof(family));
  EXPECT_EQ(AF_UNIX, family);
  std::string path = address->substr(sizeof(family));
  int up = 0;
  while (path.rfind("../", 0) == 0) {
    path.erase(0, 3);
    ++up;
  }
  return "^" + std::to_string(up) + " " + path;
}

TEST(AddressFrom, AbsoluteGoesByTheRootWithStepsToSpare) {
  EXPECT_EQ("^8 run/x", PathFrom("/", "/run/x", false));
  EXPECT_EQ("^11 run/x", PathFrom("/home/me/project", "/run/x", false));
  EXPECT_EQ("^9 run/x", PathFrom("/run", "/run/x", false));
}

TEST(AddressFrom, RelativeStaysBelowTheDirectoryWhereItCan) {
  EXPECT_EQ("^0 x", PathFrom("/run", "/run/x", true));
  EXPECT_EQ("^0 run/x", PathFrom("/", "/run/x", true));
  EXPECT_EQ("^9 running/x", PathFrom("/run", "/running/x", true));
}

TEST(AddressFrom, LongOnesTakeFewerSteps) {
  const std::string name(100, 'n');  // 108 bytes of sun_path hold two steps more
  EXPECT_EQ("^2 " + name, PathFrom("/a/b", "/" + name, false));
  EXPECT_EQ("(none)", PathFrom("/a/b/c", "/" + name, false));
  EXPECT_EQ("^0 " + name, PathFrom("/a/b/c", "/a/b/c/" + name, false));
  EXPECT_EQ("(none)", PathFrom("/", "/" + std::string(109, 'n'), true));
}

TEST(AddressFrom, NothingWithoutRealNames) {
  EXPECT_EQ("(none)", PathFrom("(unreachable)/x", "/run/x", false));
  EXPECT_EQ("(none)", PathFrom("/", "socket:[17]", false));
  EXPECT_EQ("(none)", PathFrom("/run", "/", true));
}

}  // namespace
}  // namespace moat::sentry
