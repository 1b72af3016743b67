// Priorities, limits, clocks, pidfds and other calls about tasks: by policy, by resource, by clock,
// by flag.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include <cerrno>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

constexpr Condition kProcessOrGroup[] = {IntBelow(0, PRIO_PGRP + 1)};
constexpr Check kOneOrGroup[] = {{kProcessOrGroup, kNative}};

// IOPRIO_WHO_PROCESS and IOPRIO_WHO_PGRP, one more than those of setpriority(2).
constexpr Condition kTaskOrGroup[] = {IntBelow(0, PRIO_PGRP + 2)};
constexpr Check kIoPriority[] = {{kTaskOrGroup, kNative}};

constexpr uint32_t kResetOnFork = 0x40000000;  // SCHED_RESET_ON_FORK
constexpr AllowList kPolicies(1, {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_OTHER | kResetOnFork,
                                  SCHED_BATCH | kResetOnFork, SCHED_IDLE | kResetOnFork});
constexpr auto kSchedulerPolicy = NativeWhenListed(kPolicies);

// prlimit64(pid, resource, new, old)
constexpr Condition kSetsOthers[] = {{0, 0xffffffff, 0, policies::Compare::kNotEqual},
                                     {2, ~uint64_t{0}, 0, policies::Compare::kNotEqual}};
constexpr Check kPrlimit[] = {{kSetsOthers, Refuse(EPERM)}};

constexpr AllowList kLocking(0, {MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE});
constexpr auto kMlockall = NativeWhenListed(kLocking);

constexpr Condition kDropsPages[] = {IntIs(3, POSIX_FADV_DONTNEED)};
constexpr Check kFadvise[] = {{kDropsPages, Refuse(0)}};

// Negative ids are CPU times of a task, or, with these lowest bits, a device behind a descriptor
// (clock_getres(2), "Dynamic clocks").
constexpr uint32_t kDynamicBits = 0x80000007, kDynamicClock = 0x80000003;
constexpr Condition kDeviceClock[] = {{0, kDynamicBits, kDynamicClock}};
constexpr Check kClockId[] = {{kDeviceClock, Refuse(EINVAL)}};
constexpr Condition kAlarmClocks[] = {IntAtLeast(0, CLOCK_REALTIME_ALARM),
                                      IntBelow(0, CLOCK_BOOTTIME_ALARM + 1)};
constexpr Check kSleepClock[] = {{kDeviceClock, Refuse(EINVAL)}, {kAlarmClocks, Refuse(EPERM)}};

constexpr Condition kPlainRandom[] = {OnlyFlags(2, GRND_NONBLOCK | GRND_RANDOM)};
constexpr Check kGetrandom[] = {{kPlainRandom, kNative}};

constexpr uint64_t kMostReadAhead = 64 << 20;
constexpr Condition kLittleAhead[] = {
    {2, ~uint64_t{0}, kMostReadAhead + 1, policies::Compare::kLess}};
constexpr Check kReadahead[] = {{kLittleAhead, kNative}};

constexpr Condition kNoFlags[] = {IntIs(3, 0)};
constexpr Check kPidfdSendSignal[] = {{kNoFlags, kNative}};
constexpr Condition kProcessFd[] = {OnlyFlags(1, O_NONBLOCK)};
constexpr Check kPidfdOpen[] = {{kProcessFd, kNative}};
constexpr Condition kSameTable[] = {OnlyFlags(2, CLOSE_RANGE_CLOEXEC)};
constexpr Check kCloseRange[] = {{kSameTable, kNative}};

}  // namespace

absl::Span<const Check> OneOrGroup() { return kOneOrGroup; }
absl::Span<const Check> IoPriority() { return kIoPriority; }
absl::Span<const Check> SchedulerPolicy() { return kSchedulerPolicy; }
absl::Span<const Check> Prlimit() { return kPrlimit; }
absl::Span<const Check> Mlockall() { return kMlockall; }
absl::Span<const Check> Fadvise() { return kFadvise; }
absl::Span<const Check> Readahead() { return kReadahead; }
absl::Span<const Check> ClockId() { return kClockId; }
absl::Span<const Check> SleepClock() { return kSleepClock; }
absl::Span<const Check> Getrandom() { return kGetrandom; }
absl::Span<const Check> PidfdSendSignal() { return kPidfdSendSignal; }
absl::Span<const Check> PidfdOpen() { return kPidfdOpen; }
absl::Span<const Check> CloseRange() { return kCloseRange; }

}  // namespace moat::sentry::checks
