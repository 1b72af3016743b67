#include "sentry/doorbell/patience.h"

#include <gtest/gtest.h>

namespace moat::sentry {
namespace {

using std::chrono::microseconds;

class PatienceTest : public ::testing::Test {
 protected:
  // Woken `after` its last sleep, looks until it has had enough, with a piece of work every `pause`
  // for the first `work` times: how long it looked after the last one.
  microseconds Look(int work, microseconds pause, microseconds after = microseconds(100)) {
    now_ += after;
    patience_.Begin(now_);
    auto last = now_;
    for (int done = 0; !patience_.IsOver(now_);) {
      now_ += microseconds(1);
      paid_ = patience_.Pays(now_) && paid_;
      if (done < work && now_ - last >= pause) {
        patience_.Worked(now_);
        last = now_;
        ++done;
      }
    }
    patience_.End(now_);
    return std::chrono::duration_cast<microseconds>(now_ - last);
  }

  Patience patience_;
  bool paid_ = true;  // all the time
  Patience::Clock::time_point now_ = Patience::Clock::now();
};

TEST_F(PatienceTest, IsShortAtFirst) {
  EXPECT_FALSE(patience_.SleptJustNow(now_));
  EXPECT_EQ(Look(3, microseconds(5)), microseconds(51));
  EXPECT_TRUE(patience_.SleptJustNow(now_));
}

TEST_F(PatienceTest, GrowsWhileItIsWokenAtOnce) {
  for (const int expected : {51, 101, 201, 401, 801, 1001, 1001}) {
    EXPECT_EQ(Look(9, microseconds(5)), microseconds(expected));
  }
  EXPECT_TRUE(paid_);
}

TEST_F(PatienceTest, IsShortAgainAfterAPause) {
  Look(5, microseconds(5));
  Look(5, microseconds(5));
  EXPECT_EQ(Look(5, microseconds(5), microseconds(4000)), microseconds(51));
}

TEST_F(PatienceTest, PaysWhileThereIsWork) {
  for (int i = 0; i < 8; ++i) Look(1000, microseconds(100));
  EXPECT_TRUE(paid_);
}

TEST_F(PatienceTest, DoesNotPayWhenItComesTooSeldom) {
  for (int i = 0; i < 8; ++i) Look(9, microseconds(5));
  Look(1000, microseconds(600));
  EXPECT_FALSE(paid_);
}

TEST_F(PatienceTest, DoesNotPayWhenItIsWokenInVain) {
  for (int i = 0; i < 20 && paid_; ++i) Look(0, microseconds(0));
  EXPECT_FALSE(paid_);
}

}  // namespace
}  // namespace moat::sentry
