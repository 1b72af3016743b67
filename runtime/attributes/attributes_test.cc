#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/linux_abi/ioprio.h"
#include "runtime/attributes/process_attributes.h"

namespace moat::attributes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

spec::Spec Plain() {
  spec::Spec spec;
  spec.process.emplace();
  return spec;
}

std::string FaultOf(const spec::Spec& spec) {
  return std::string(ParseAttributes(spec).status().message());
}

// Whether `body` holds in a child, which may change itself.
bool InChild(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST(NumberListTest, RangesAndNumbers) {
  EXPECT_THAT(ParseNumberList("0-2,7", 10).value(), ElementsAre(0, 1, 2, 7));
  EXPECT_THAT(ParseNumberList("7,0,7", 10).value(), ElementsAre(0, 7));
  for (const char* bad : {"", "a", "1-", "-1", "2-1", "1,,2", "11", "1-2-3", "0-99999999999"}) {
    EXPECT_FALSE(ParseNumberList(bad, 10).ok()) << bad;
  }
}

TEST(AttributesTest, NothingGivenNothingSet) {
  const auto attributes = ParseAttributes(Plain());
  ASSERT_TRUE(attributes.ok());
  EXPECT_FALSE(attributes->scheduler || attributes->io_priority || attributes->personality);
}

TEST(AttributesTest, SchedulerAndIoPriority) {
  spec::Spec spec = Plain();
  spec.process->scheduler = spec::Scheduler{.policy = "SCHED_BATCH", .nice = 7};
  spec.process->io_priority = spec::IoPriority{"IOPRIO_CLASS_IDLE", 0};
  const auto attributes = ParseAttributes(spec);
  ASSERT_TRUE(attributes.ok()) << attributes.status();
  EXPECT_TRUE(InChild([&] {
    return ApplyFromOutside(*attributes, ::getpid()).ok() &&
           ::sched_getscheduler(0) == SCHED_BATCH && ::nice(0) == 7 &&
           ::syscall(SYS_ioprio_get, 1, 0) == linux_abi::kIoprioClassIdle
                                                  << linux_abi::kIoprioClassShift;
  }));
}

TEST(AttributesTest, Personality) {
  spec::Spec spec = Plain();
  spec.linux_config.personality = spec::Personality{"LINUX32", {}};
  const auto attributes = ParseAttributes(spec);
  ASSERT_TRUE(attributes.ok()) << attributes.status();
  EXPECT_TRUE(InChild([&] {
    return ApplyToSelf(*attributes, -1).ok() && ::personality(0xffffffff) == PER_LINUX32;
  }));
}

TEST(AttributesTest, FaultsNameTheField) {
  spec::Spec spec = Plain();
  spec.process->scheduler = spec::Scheduler{.policy = "SCHED_NONSENSE"};
  EXPECT_THAT(FaultOf(spec), HasSubstr("process.scheduler.policy: \"SCHED_NONSENSE\""));
  spec.process->scheduler = spec::Scheduler{.policy = "SCHED_OTHER", .nice = 20};
  EXPECT_THAT(FaultOf(spec), HasSubstr("process.scheduler.nice"));
  spec.process->scheduler = spec::Scheduler{.policy = "SCHED_FIFO", .priority = 100};
  EXPECT_THAT(FaultOf(spec), HasSubstr("process.scheduler.priority"));
  spec.process->scheduler = spec::Scheduler{.policy = "SCHED_OTHER", .runtime = 1};
  EXPECT_THAT(FaultOf(spec), HasSubstr("SCHED_DEADLINE"));
  spec = Plain();
  spec.process->io_priority = spec::IoPriority{"IOPRIO_CLASS_BE", 8};
  EXPECT_THAT(FaultOf(spec), HasSubstr("process.ioPriority.priority"));
  spec = Plain();
  spec.linux_config.personality = spec::Personality{"BSD", {}};
  EXPECT_THAT(FaultOf(spec), HasSubstr("linux.personality.domain"));
  spec = Plain();
  spec.linux_config.memory_policy = spec::MemoryPolicy{"MPOL_BIND", "0-", {}};
  EXPECT_THAT(FaultOf(spec), HasSubstr("linux.memoryPolicy.nodes"));
}

}  // namespace
}  // namespace moat::attributes
