// chmod(2), chown(2), write(2): when set-user-ID, set-group-ID and sticky bits are kept and lost;
// utimensat(2): who may set which times.
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <tuple>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

const Identity kOwner{1000, 1000, {}};
const Identity kMember{1000, 1000, {2000}};
const Identity kOther{1002, 1002, {}};

// A change to a file of user 1000 and group 2000, and what it leaves of each mode.
struct Change {
  const char* name;
  int (*run)();
  mode_t after[5];  // for kModes
};
constexpr mode_t kModes[] = {04777, 02777, 02767, 06777, 01777};

int WriteAs(const Identity& who) {
  return As(who, [] {
    Fd file(open("file", O_WRONLY | O_CLOEXEC));
    return ErrnoOf(write(file.get(), "x", 1));
  });
}
// clang-format off
const Change kChanges[] = {
  //                                                                                                      04777  02777  02767  06777  01777
  {"chown_by_root", [] { return ErrnoOf(chown("file", 7, 8)); },                                           {0777, 0777, 02767, 0777, 01777}},
  {"chown_to_same_by_root", [] { return ErrnoOf(chown("file", 1000, 2000)); },                             {0777, 0777, 02767, 0777, 01777}},
  {"chown_of_nothing_by_root", [] { return ErrnoOf(chown("file", -1, -1)); },                              {0777, 0777, 02767, 0777, 01777}},
  {"chgrp_by_owner", [] { return As(kMember, [] { return ErrnoOf(chown("file", -1, 1000)); }); },          {0777, 0777, 02767, 0777, 01777}},
  {"write_by_other", [] { return WriteAs(kOther); },                                                       {0777, 0777, 0767, 0777, 01777}},
  {"write_by_owner", [] { return WriteAs(kMember); },                                                      {0777, 0777, 02767, 0777, 01777}},
  {"write_by_root", [] { return WriteAs({0, 0, {}}); },                                                    {04777, 02777, 02767, 06777, 01777}},
  {"truncate_by_other", [] { return As(kOther, [] { return ErrnoOf(truncate("file", 1)); }); },            {0777, 0777, 0767, 0777, 01777}},
  {"open_truncating_by_other", [] { return As(kOther, [] { return ErrnoOf(Fd(open("file", O_WRONLY | O_TRUNC)).get()); }); }, {0777, 0777, 0767, 0777, 01777}},
  {"chmod_by_owner_outside_the_group", [] { return As(kOwner, [] { struct stat s; stat("file", &s); return ErrnoOf(chmod("file", s.st_mode & 07777)); }); }, {04777, 0777, 0767, 04777, 01777}},
  {"chmod_by_owner_in_the_group", [] { return As(kMember, [] { struct stat s; stat("file", &s); return ErrnoOf(chmod("file", s.st_mode & 07777)); }); }, {04777, 02777, 02767, 06777, 01777}},
};
// clang-format on

class SetId : public Scratch, public ::testing::WithParamInterface<std::tuple<size_t, size_t>> {};
INSTANTIATE_TEST_SUITE_P(After, SetId,
                         ::testing::Combine(::testing::Range<size_t>(0, std::size(kChanges)),
                                            ::testing::Range<size_t>(0, std::size(kModes))),
                         [](const auto& of) {
                           char mode[8];
                           snprintf(mode, sizeof mode, "%04o", kModes[std::get<1>(of.param)]);
                           return std::string(kChanges[std::get<0>(of.param)].name) + "_" + mode;
                         });

TEST_P(SetId, Mode) {
  const Change& change = kChanges[std::get<0>(GetParam())];
  const size_t mode = std::get<1>(GetParam());
  WriteFile("file", "content");
  ASSERT_SUCCESS(chown("file", 1000, 2000));
  ASSERT_SUCCESS(chmod("file", kModes[mode]));
  EXPECT_CHILD_ERRNO(0, change.run());
  EXPECT_EQ(change.after[mode], ModeOf("file"));
}

// utimensat(2): the permissions that each pair of times needs of a user who may write, or only
// read.
struct Times {
  const char* name;
  timespec value[2];
  int for_owner, for_writer, for_reader;
};
constexpr timespec kNow{0, UTIME_NOW}, kOmit{0, UTIME_OMIT}, kFixed{42, 7};
constexpr Times kTimes[] = {
    {"now_now", {kNow, kNow}, 0, 0, EACCES},
    {"omit_omit", {kOmit, kOmit}, 0, 0, 0},
    {"now_omit", {kNow, kOmit}, 0, EPERM, EPERM},
    {"omit_now", {kOmit, kNow}, 0, EPERM, EPERM},
    {"fixed_fixed", {kFixed, kFixed}, 0, EPERM, EPERM},
    {"fixed_omit", {kFixed, kOmit}, 0, EPERM, EPERM},
    {"omit_fixed", {kOmit, kFixed}, 0, EPERM, EPERM},
    {"fixed_now", {kFixed, kNow}, 0, EPERM, EPERM},
    {"now_fixed", {kNow, kFixed}, 0, EPERM, EPERM},
    {"bad_nanoseconds", {{0, 1000000000}, kNow}, EINVAL, EINVAL, EINVAL},
};

class SetTimes : public Scratch, public ::testing::WithParamInterface<Times> {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", "content");
    ASSERT_SUCCESS(chown("file", 1000, 1000));
  }
  static int Run(const Identity& who) {
    return As(who, [] { return ErrnoOf(utimensat(AT_FDCWD, "file", GetParam().value, 0)); });
  }
  static int RunOnDescriptor(const Identity& who) {
    return As(who, [] {
      Fd file(open("file", O_RDONLY | O_CLOEXEC));
      return ErrnoOf(futimens(file.get(), GetParam().value));
    });
  }
};
INSTANTIATE_TEST_SUITE_P(To, SetTimes, ::testing::ValuesIn(kTimes),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_P(SetTimes, ByTheOwner) {
  ASSERT_SUCCESS(chmod("file", 0444));
  const timespec old[2] = {{1, 1}, {2, 2}};
  ASSERT_SUCCESS(utimensat(AT_FDCWD, "file", old, 0));
  EXPECT_CHILD_ERRNO(GetParam().for_owner, Run(kOwner));
  if (GetParam().for_owner != 0) return;
  const struct stat after = StatOf("file");
  const timespec got[2] = {after.st_atim, after.st_mtim};
  for (int i = 0; i < 2; ++i) {
    const timespec& asked = GetParam().value[i];
    if (asked.tv_nsec == UTIME_NOW) {
      EXPECT_GT(got[i].tv_sec, 1000000);
    } else {
      const timespec& expected = asked.tv_nsec == UTIME_OMIT ? old[i] : asked;
      EXPECT_EQ(expected.tv_sec, got[i].tv_sec);
      EXPECT_EQ(expected.tv_nsec, got[i].tv_nsec);
    }
  }
}
TEST_P(SetTimes, ByAWriter) {
  ASSERT_SUCCESS(chmod("file", 0666));
  EXPECT_CHILD_ERRNO(GetParam().for_writer, Run(kOther));
}
TEST_P(SetTimes, ByAReader) {
  ASSERT_SUCCESS(chmod("file", 0644));
  EXPECT_CHILD_ERRNO(GetParam().for_reader, Run(kOther));
}
TEST_P(SetTimes, OfADescriptorByAReader) {
  ASSERT_SUCCESS(chmod("file", 0644));
  EXPECT_CHILD_ERRNO(GetParam().for_reader, RunOnDescriptor(kOther));
}
TEST_P(SetTimes, OfADescriptorByTheOwner) {
  EXPECT_CHILD_ERRNO(GetParam().for_owner, RunOnDescriptor(kOwner));
}

}  // namespace
}  // namespace moat::conformance
