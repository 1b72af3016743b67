#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "base/fd_message.h"
#include "base/read_file.h"
#include "base/result.h"
#include "base/status.h"

namespace moat {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Errno(EINVAL);
  return n / 2;
}
Result<int> Quarter(int n) {
  TRY_ASSIGN(const int half, Half(n));
  return Half(half);
}

TEST(Result, CarriesValueOrErrno) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().value(), EINVAL);
}

TEST(Status, KeepsTheExactErrno) {
  const absl::Status status = Annotate(ErrnoStatus(EROFS, "openat2", "/x"), "container c1");
  EXPECT_EQ(status.message(), "container c1: openat2 /x: EROFS (Read-only file system)");
  EXPECT_EQ(StatusErrno(status), EROFS);
}

TEST(FdMessage, CarriesDataAndDescriptors) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello", {null.get()}).ok());
  auto message = ReceiveMessage(pair->second.get(), 100, 1);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->data, "hello");
  ASSERT_EQ(message->fds.size(), 1u);
  EXPECT_EQ(::fcntl(message->fds[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(FdMessage, RefusesWhatIsTooLargeAndLeaksNothing) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  const int before = ::dup(0);
  ::close(before);
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello", {0, 1}).ok());
  EXPECT_FALSE(ReceiveMessage(pair->second.get(), 100, 1).ok());
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(before, after);
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello").ok());
  EXPECT_FALSE(ReceiveMessage(pair->second.get(), 4, 1).ok());
}

TEST(ReadFile, IsBounded) {
  EXPECT_EQ(ReadFileAt(AT_FDCWD, "/proc/self/status", 10).error().value(), EFBIG);
  EXPECT_TRUE(ReadFile("/proc/self/status", 1 << 16).ok());
}

}  // namespace
}  // namespace moat
