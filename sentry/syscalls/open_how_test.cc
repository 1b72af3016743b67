#include "sentry/syscalls/open_how.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace moat::sentry {
namespace {

int ErrorOf(const open_how& how) {
  const auto checked = CheckOpenHow(how);
  return checked.ok() ? 0 : checked.error().value();
}

TEST(LegacyOpenHow, DropsWhatOpenIgnores) {
  const open_how how = LegacyOpenHow(0xf0000000u | O_RDWR, 0644);
  EXPECT_EQ(how.flags, static_cast<uint64_t>(O_RDWR));
  EXPECT_EQ(how.mode, 0u);  // creates nothing
}

TEST(LegacyOpenHow, KeepsTheModeOfACreation) {
  EXPECT_EQ(LegacyOpenHow(O_CREAT | O_WRONLY, 0177777).mode, 07777u);
  EXPECT_EQ(LegacyOpenHow(O_TMPFILE | O_RDWR, 0600).mode, 0600u);
}

TEST(LegacyOpenHow, PathOnlyKeepsFewFlags) {
  EXPECT_EQ(LegacyOpenHow(O_PATH | O_WRONLY | O_CREAT | O_CLOEXEC, 0644).flags,
            static_cast<uint64_t>(O_PATH | O_CLOEXEC));
}

TEST(CheckOpenHow, RefusesWhatOpenat2Refuses) {
  EXPECT_EQ(ErrorOf({.flags = uint64_t{1} << 40}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_RDONLY, .resolve = 0x100}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_RDONLY, .mode = 0644}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_CREAT, .mode = 0100644}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_PATH | O_RDWR}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_TMPFILE}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_DIRECTORY | O_CREAT}), EINVAL);
  EXPECT_EQ(ErrorOf({.resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT}), EINVAL);
  EXPECT_EQ(ErrorOf({.flags = O_CREAT | O_WRONLY, .resolve = RESOLVE_CACHED}), EAGAIN);
}

TEST(CheckOpenHow, AcceptsWhatOpenAccepts) {
  EXPECT_EQ(ErrorOf(LegacyOpenHow(O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600)), 0);
  EXPECT_EQ(ErrorOf(LegacyOpenHow(O_TMPFILE | O_WRONLY, 0600)), 0);
  EXPECT_EQ(ErrorOf(LegacyOpenHow(O_PATH | O_NOFOLLOW, 0)), 0);
  EXPECT_EQ(ErrorOf({.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT}), 0);
}

}  // namespace
}  // namespace moat::sentry
