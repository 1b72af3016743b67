#include "platform/seccomp_notify/hold_choice.h"

#include <gtest/gtest.h>

namespace moat::platform::seccomp_notify {
namespace {

using std::chrono::microseconds;

// How many of the next `calls` held, when holding takes `held` and not holding `free`.
int HeldOf(HoldChoice& choice, int calls, microseconds held, microseconds free) {
  int count = 0;
  for (int i = 0; i < calls; ++i) {
    const bool hold = choice.Hold();
    if (hold) ++count;
    choice.Took(hold, hold ? held : free);
  }
  return count;
}

constexpr int kMany = 100 * HoldChoice::kTrial;
constexpr int kTrials = kMany / HoldChoice::kTrial;

TEST(HoldChoice, HoldsAtFirst) {
  HoldChoice choice;
  EXPECT_TRUE(choice.Hold());
}

TEST(HoldChoice, GoesOnHoldingWhereWakeUpsAreDear) {
  HoldChoice choice;
  EXPECT_EQ(HeldOf(choice, kMany, microseconds(20), microseconds(80)), kMany - kTrials);
}

TEST(HoldChoice, StopsWhereItDoesNotPay) {
  HoldChoice choice;
  HeldOf(choice, kMany, microseconds(14), microseconds(8));
  EXPECT_EQ(HeldOf(choice, kMany, microseconds(14), microseconds(8)), kTrials);
}

TEST(HoldChoice, ChangesItsMind) {
  HoldChoice choice;
  HeldOf(choice, kMany, microseconds(14), microseconds(8));
  HeldOf(choice, kMany, microseconds(20), microseconds(80));
  EXPECT_EQ(HeldOf(choice, kMany, microseconds(20), microseconds(80)), kMany - kTrials);
}

TEST(HoldChoice, OneLongWaitDecidesNothing) {
  HoldChoice choice;
  choice.Took(true, std::chrono::seconds(10));
  HeldOf(choice, 10 * HoldChoice::kTrial, microseconds(20), microseconds(80));
  EXPECT_TRUE(choice.Hold());
}

}  // namespace
}  // namespace moat::platform::seccomp_notify
