#include "sentry/doorbell/habits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace moat::sentry {
namespace {

using Step = Habits::Step;

platform::Trap TrapAt(pid_t tid, uint64_t place) {
  platform::Trap trap;
  trap.tid = tid;
  trap.instruction_pointer = place;
  return trap;
}

std::shared_ptr<Door> MakeDoor() {
  auto bell = platform::Doorbell::Create();
  return bell.ok() ? std::make_shared<Door>(1, Fd(), *std::move(bell)) : nullptr;
}

// How many traps, so far apart, it takes until something else than nothing is to be done; nothing
// after 1,000.
std::optional<std::pair<int, Step>> TrapsUntilAdvice(Habits& habits, const platform::Trap& trap,
                                                     Habits::Clock::duration apart = {}) {
  auto now = Habits::Clock::now();
  for (int i = 1; i <= 1000; ++i, now += apart) {
    const Step step = habits.Count(trap, now, false).step;
    if (step != Step::kNothing) return std::pair(i, step);
  }
  return std::nullopt;
}

TEST(Habits, WhoAsksOftenFromOnePlaceGetsADoorbell) {
  Habits habits(2);
  const auto advice = TrapsUntilAdvice(habits, TrapAt(1, 0x1000));
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->first, 200);
  EXPECT_EQ(advice->second, Step::kHang);
}

TEST(Habits, WhoAsksNowAndThenGetsNone) {
  Habits habits(2);
  EXPECT_FALSE(TrapsUntilAdvice(habits, TrapAt(1, 0x1000), std::chrono::milliseconds(2)));
}

TEST(Habits, WhoHasOneGetsFurtherPlacesSooner) {
  Habits habits(2);
  const auto door = MakeDoor();
  ASSERT_TRUE(door);
  habits.Know(1, door);
  const auto advice = TrapsUntilAdvice(habits, TrapAt(1, 0x1000));
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->first, 40);
  EXPECT_EQ(advice->second, Step::kAddSite);
}

TEST(Habits, APlaceThatWasGivenUpIsLeftAlone) {
  Habits habits(2);
  const auto trap = TrapAt(1, 0x1000);
  habits.GiveUp(trap);
  EXPECT_FALSE(TrapsUntilAdvice(habits, trap));
  habits.Forget(1);  // another thread has its number
  EXPECT_TRUE(TrapsUntilAdvice(habits, trap));
}

TEST(Habits, NobodyGetsOneWhereAllCpusCall) {
  Habits habits(1);
  EXPECT_FALSE(TrapsUntilAdvice(habits, TrapAt(1, 0x1000)));
}

TEST(Habits, CallersCountForAMoment) {
  Habits habits(2);
  const auto now = Habits::Clock::now();
  habits.NoteRing(1, now);
  habits.NoteRing(1, now);
  EXPECT_TRUE(habits.HasSpareCpu(now));
  habits.NoteRing(2, now);
  EXPECT_FALSE(habits.HasSpareCpu(now));
  EXPECT_TRUE(habits.HasSpareCpu(now + std::chrono::milliseconds(2)));
}

// A door that is closed is gone, and with it what its threads were known for.
TEST(Habits, AClosedDoorIsNobodys) {
  Habits habits(2);
  auto door = MakeDoor();
  ASSERT_TRUE(door);
  habits.Know(1, door);
  door.reset();
  const auto advice = TrapsUntilAdvice(habits, TrapAt(1, 0x1000));
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->second, Step::kHang);
}

}  // namespace
}  // namespace moat::sentry
