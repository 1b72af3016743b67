// Clocks and times that libc asks elsewhere, and what the kernel says of scheduling: time,
// gettimeofday, times, getrlimit, sched_get_priority_max and _min.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

constexpr int64_t kTicksPerSecond = 100;  // USER_HZ, also of /proc/PID/stat
constexpr int64_t kNanosecondsPerTick = 1000000000 / kTicksPerSecond;

// The first and the last priority of a policy; the kernel knows SCHED_EXT (7) since 6.12.
Result<std::array<int, 2>> Priorities(int policy) {
  switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
      return std::array<int, 2>{1, 99};
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE:
      return std::array<int, 2>{0, 0};
    default:
      return Errno(EINVAL);
  }
}

// Fields 14 to 17 of /proc/PID/stat: utime, stime, cutime, cstime.
Result<tms> TimesOf(pid_t tgid) {
  constexpr size_t kMaxStat = 4096;
  constexpr size_t kFirst = 11;  // behind "PID (comm) "
  TRY_ASSIGN(const std::string text,
             ReadFileAt(AT_FDCWD, absl::StrCat("/proc/", tgid, "/stat"), kMaxStat));
  const size_t end_of_comm = text.rfind(')');
  if (end_of_comm == std::string::npos || end_of_comm + 2 > text.size()) return Errno(EIO);
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(end_of_comm + 2), ' ');
  std::array<clock_t, 4> ticks;
  for (size_t i = 0; i < ticks.size(); ++i) {
    if (kFirst + i >= fields.size() || !absl::SimpleAtoi(fields[kFirst + i], &ticks[i])) {
      return Errno(EIO);
    }
  }
  return tms{ticks[0], ticks[1], ticks[2], ticks[3]};
}

}  // namespace

Outcome SysTime(Call& call) {
  const time_t now = ::time(nullptr);
  if (!call.AddrArg(0).null()) TRY(call.WriteObject(call.AddrArg(0), now));
  return Value{now};
}

// The time zone that a kernel keeps is not the container's: none.
Outcome SysGettimeofday(Call& call) {
  timeval now;
  ::gettimeofday(&now, nullptr);
  if (!call.AddrArg(0).null()) TRY(call.WriteObject(call.AddrArg(0), now));
  const struct timezone none {};
  if (!call.AddrArg(1).null()) TRY(call.WriteObject(call.AddrArg(1), none));
  return Value{0};
}

Outcome SysTimes(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  TRY_ASSIGN(const tms times, TimesOf(task->tgid));
  if (!call.AddrArg(0).null()) TRY(call.WriteObject(call.AddrArg(0), times));
  timespec up;
  ::clock_gettime(CLOCK_MONOTONIC, &up);
  return Value{up.tv_sec * kTicksPerSecond + up.tv_nsec / kNanosecondsPerTick};
}

Outcome SysGetrlimit(Call& call) {
  if (call.UintArg(0) >= RLIM_NLIMITS) return Errno(EINVAL);
  rlimit limit;
  if (::prlimit(call.trap().tid, static_cast<__rlimit_resource>(call.IntArg(0)), nullptr, &limit) !=
      0) {
    return Errno::Last();
  }
  TRY(call.WriteObject(call.AddrArg(1), limit));
  return Value{0};
}

Outcome SysSchedGetPriorityMax(Call& call) {
  TRY_ASSIGN(const auto range, Priorities(call.IntArg(0)));
  return Value{range[1]};
}

Outcome SysSchedGetPriorityMin(Call& call) {
  TRY_ASSIGN(const auto range, Priorities(call.IntArg(0)));
  return Value{range[0]};
}

}  // namespace moat::sentry
