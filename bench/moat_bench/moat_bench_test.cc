// What can be shown without containers: reading traces, judging calls, comparing figures, parsing
// words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "bench/moat_bench/driver/runtime.h"
#include "bench/moat_bench/guest/call_tag.h"
#include "bench/moat_bench/report/charts.h"
#include "bench/moat_bench/security/call_names.h"
#include "bench/moat_bench/security/matrix.h"
#include "bench/moat_bench/speed/statistics.h"
#include "bench/moat_bench/tracing/kernel_samples.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

using testing::ElementsAre;
using Kind = CallOutcome::Kind;

TEST(ParseRuntime, TakesNamesAndCommandLines) {
  EXPECT_THAT(ParseRuntime("runc")->command, ElementsAre("runc"));
  const auto runsc = ParseRuntime("sys=runsc --platform=systrap '--debug log'");
  EXPECT_EQ(runsc->name, "sys");
  EXPECT_THAT(runsc->command, ElementsAre("runsc", "--platform=systrap", "--debug log"));
}

TEST(ParseRuntime, RefusesWhatIsNoName) {
  for (const char* bad : {"", "=x", "a b", "../x", "..", "host", "x=", "x='a"})
    EXPECT_FALSE(ParseRuntime(bad).ok()) << bad;
}

TEST(ParseTraceLine, ReadsEntries) {
  TraceEvent event;
  ASSERT_TRUE(
      ParseTraceLine("           <...>-123     (    120) [001] ..... 12.345678: sys_enter: NR 39 "
                     "(1, 2, ff, 4, 5, 80000027)",
                     event));
  EXPECT_EQ(event.kind, TraceEvent::Kind::kEnter);
  EXPECT_EQ(event.thread, 123);
  EXPECT_EQ(event.process, 120);
  EXPECT_EQ(event.number, 39);
  EXPECT_EQ(event.arguments[2], 0xffu);
  EXPECT_EQ(event.arguments[5], 0x80000027u);
  EXPECT_DOUBLE_EQ(event.seconds, 12.345678);
}

TEST(ParseTraceLine, ReadsExitsAndSwitchesOfTasksWithOddNames) {
  TraceEvent event;
  ASSERT_TRUE(
      ParseTraceLine(" a-b c-77      (-------) [000] d..2. 1.5: sys_exit: NR 0 = -9", event));
  EXPECT_EQ(event.command, "a-b c");
  EXPECT_EQ(event.thread, 77);
  EXPECT_EQ(event.result, -9);
  ASSERT_TRUE(
      ParseTraceLine(" guest-5 ( 5) [000] d..2. 2.5: sched_switch: prev_comm=guest prev_pid=5 "
                     "prev_prio=120 prev_state=S ==> next_comm=x next_pid=9 next_prio=1",
                     event));
  EXPECT_EQ(event.next, 9);
  EXPECT_FALSE(ParseTraceLine("# tracer: nop", event));
  EXPECT_FALSE(ParseTraceLine("", event));
}

TEST(CallTag, IsOneOfItsOwnForEachCall) {
  EXPECT_NE(CallTag(1, 0, 5), CallTag(1, 1, 5));
  EXPECT_NE(CallTag(1, 0, 5), CallTag(2, 0, 5));
  EXPECT_EQ(CallTag(kSeedLimit - 1, 2, 559) >> 31, 1u);
}

TEST(ParseMatrix, SkipsRubbishAndSeesTheEnd) {
  bool whole = true;
  const auto calls = ParseMatrix(
      "noise\ncall x86-64 0 returned -9\ncall i386 1 exited 255\ncall x86-64 34 waits\ncall x86-64 "
      "15 killed 11\ncall x",
      &whole);
  EXPECT_FALSE(whole);
  EXPECT_EQ(calls.size(), 4u);
  EXPECT_EQ(calls.at({0, 0}), (CallOutcome{Kind::kReturned, -9}));
  EXPECT_EQ(calls.at({0, 15}), (CallOutcome{Kind::kKilled, 11}));
  ParseMatrix("done\n", &whole);
  EXPECT_TRUE(whole);
}

TEST(Judge, TellsTheVerdicts) {
  const CallOutcome bad_descriptor{Kind::kReturned, -EBADF}, refused{Kind::kReturned, -EPERM},
      none{Kind::kReturned, -ENOSYS}, killed{Kind::kKilled, 31};
  const CallKey key{0, 3};
  EXPECT_EQ(Judge(key, bad_descriptor, &bad_descriptor, true), Verdict::kNative);
  EXPECT_EQ(Judge(key, bad_descriptor, &bad_descriptor, false), Verdict::kEmulated);
  EXPECT_EQ(Judge(key, bad_descriptor, &refused, false), Verdict::kRefused);
  EXPECT_EQ(Judge(key, bad_descriptor, &none, false), Verdict::kRefused);
  EXPECT_EQ(Judge(key, bad_descriptor, &killed, false), Verdict::kKilled);
  EXPECT_EQ(Judge(key, bad_descriptor, nullptr, false), Verdict::kUntold);
  EXPECT_EQ(Judge(key, none, &none, true), Verdict::kAbsent);
  EXPECT_EQ(Judge({0, 202}, none, &none, true), Verdict::kNative)
      << "futex exists, though it says ENOSYS to -1";
}

TEST(CallName, KnowsOldAndYoungCallsOfEachDoor) {
  EXPECT_EQ(CallName(0, 39), "getpid");
  EXPECT_EQ(CallName(1, 20), "getpid");
  EXPECT_EQ(CallName(0, 457), "statmount");
  EXPECT_EQ(CallName(0, 479), "number 479");
}

TEST(Compare, ClaimsADifferenceOnlyWhenAllRoundsAgree) {
  using V = Comparison::Verdict;
  EXPECT_EQ(Compare({2, 2, 2, 2, 2}, {1, 1, 1, 1, 1}).verdict, V::kSlower);
  EXPECT_EQ(Compare({2, 2, 2, 2, 2}, {1, 1, 1, 1, 1}, true).verdict, V::kFaster);
  EXPECT_EQ(Compare({2, 2, 2, 2, 0.9}, {1, 1, 1, 1, 1}).verdict, V::kNoDifference);
  EXPECT_EQ(Compare({1.02, 1.02, 1.02, 1.02, 1.02}, {1, 1, 1, 1, 1}).verdict, V::kNoDifference);
  EXPECT_EQ(Compare({2, 2}, {1, 1}).verdict, V::kTooFewRounds);
  EXPECT_EQ(Compare({0, 2, 2, 2, 2}, {1, 1, 1, 1, 1}).rounds, 4) << "a missing round is no zero";
  const Comparison comparison = Compare({1, 2, 3}, {1, 1, 1});
  EXPECT_DOUBLE_EQ(comparison.ratio, 2);
  EXPECT_EQ(RatioText(comparison), "2.00 (1.00-3.00)");
}

TEST(ExpectedFunctions, ShrinksToTheSampleThatIsCompared) {
  EXPECT_DOUBLE_EQ(ExpectedFunctions({{"a", 5}, {"b", 1}}, 10, 100), 2);
  const double fewer = ExpectedFunctions({{"a", 1000}, {"b", 1}}, 1000, 10);
  EXPECT_GT(fewer, 1.0);
  EXPECT_LT(fewer, 1.1);
}

TEST(Charts, EscapeWhatComesFromRuntimes) {
  EXPECT_EQ(EscapeXml("<b>\"&"), "&lt;b&gt;&quot;&amp;");
  const std::string svg =
      Draw(BarChart{.series = {"a<"}, .labels = {"x"}, .values = {{-1}}, .texts = {{"</svg>"}}});
  EXPECT_EQ(svg.find("</svg>"), svg.size() - 7);
}

}  // namespace
}  // namespace moat::bench
