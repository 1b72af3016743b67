#include "sentry/exec/joiners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

namespace moat::sentry {
namespace {

using loader::JoinStep;
using testing::ElementsAre;

class JoinersTest : public testing::Test {
 protected:
  Joiner Make() {
    return {.strings = {"/", "/bin/sh"},
            .executed = [this] { ++executed_; },
            .failed =
                [this](JoinStep step, int error) {
                  failed_ = {step, error};
                }};
  }

  Joiners joiners_;
  int executed_ = 0;
  std::pair<JoinStep, int> failed_{JoinStep::kExecute, 0};
};

TEST_F(JoinersTest, GivesTheStringsOnce) {
  joiners_.Add(7, Make());
  EXPECT_FALSE(joiners_.TakeStrings(8));
  EXPECT_THAT(joiners_.TakeStrings(7).value(), ElementsAre("/", "/bin/sh"));
  EXPECT_FALSE(joiners_.TakeStrings(7));
}

TEST_F(JoinersTest, TellsOfTheFirstExecOnly) {
  joiners_.Add(7, Make());
  EXPECT_FALSE(joiners_.Executed(8));
  EXPECT_TRUE(joiners_.Executed(7));
  EXPECT_FALSE(joiners_.Executed(7));
  EXPECT_FALSE(joiners_.Failed(7, JoinStep::kExecute, ENOENT));
  EXPECT_EQ(executed_, 1);
  EXPECT_EQ(failed_.second, 0);
}

TEST_F(JoinersTest, TellsOfTheFirstFailureOnly) {
  joiners_.Add(7, Make());
  EXPECT_TRUE(joiners_.Failed(7, JoinStep::kChangeDirectory, ENOENT));
  EXPECT_FALSE(joiners_.Failed(7, JoinStep::kExecute, EACCES));
  EXPECT_FALSE(joiners_.Executed(7));
  EXPECT_EQ(failed_, std::make_pair(JoinStep::kChangeDirectory, ENOENT));
}

TEST_F(JoinersTest, SaysNothingOfWhatIsGone) {
  joiners_.Add(7, Make());
  joiners_.Drop(7);
  joiners_.Drop(7);
  EXPECT_FALSE(joiners_.TakeStrings(7));
  EXPECT_FALSE(joiners_.Executed(7));
  EXPECT_EQ(executed_, 0);
}

}  // namespace
}  // namespace moat::sentry
