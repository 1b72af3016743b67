#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/cgroups/live_groups.h"
#include "runtime/cli/command.h"
#include "runtime/cli/state_json.h"
#include "runtime/cli/stats_json.h"
#include "runtime/cli/values.h"

namespace moat::cli {
namespace {

struct EventsFlags {
  std::string id;
  std::string interval = "5s";
  bool stats = false;
  bool refusals = false;
};

void Print(const char* type, const std::string& id, nlohmann::ordered_json data) {
  nlohmann::ordered_json event = {{"type", type}, {"id", id}};
  if (!data.is_null()) event["data"] = std::move(data);
  std::printf("%s\n", event.dump().c_str());
  std::fflush(stdout);
}

// Wakes its reader when memory runs out.
struct OutOfMemoryAlarm {
  Fd control;  // v1: memory.oom_control, v2: memory.events
  Fd event;    // v1 only
  pollfd Poll() const {
    if (event) return {event.get(), POLLIN, 0};
    return {control.get(), POLLPRI, 0};  // poll(2) passes over a negative descriptor
  }
  // Makes it quiet until the next time.
  void Reset() const {
    eventfd_t count;
    if (event) ::eventfd_read(event.get(), &count);
    char byte;
    if (control && !event) [[maybe_unused]]
      ssize_t got = ::pread(control.get(), &byte, 1, 0);
  }
};

// v1: cgroup-v1/memory.rst, "OOM Control"; v2: cgroup-v2.rst, "memory.events". A host without the
// memory controller has no alarm.
absl::StatusOr<OutOfMemoryAlarm> MakeAlarm(const cgroups::LiveGroups& groups) {
  OutOfMemoryAlarm alarm;
  const std::string v1 = groups.Path("memory.oom_control");
  const std::string path = v1.empty() ? groups.Path("memory.events") : v1;
  if (path.empty()) return alarm;
  alarm.control.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!alarm.control) return ErrnoStatus(errno, "open", path);
  if (v1.empty()) {
    alarm.Reset();
    return alarm;
  }
  alarm.event.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!alarm.event) return ErrnoStatus(errno, "eventfd", "");
  RETURN_IF_ERROR(WriteFile(groups.Path("cgroup.event_control"),
                            absl::StrCat(alarm.event.get(), " ", alarm.control.get())));
  return alarm;
}

constexpr absl::Duration kLookAgain = absl::Milliseconds(50);
constexpr absl::Duration kVictimTimeout = absl::Seconds(2);

// For poll(2): rounded up, so that nobody wakes too early again and again.
int Milliseconds(absl::Duration wait) {
  const int64_t rounded = absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(rounded, 0, std::numeric_limits<int>::max()));
}

// Until the container ends.
absl::Status Watch(const state::Record& record, const cgroups::LiveGroups& groups,
                   absl::Duration interval) {
  const auto init = state::OpenProcess(record.init);
  if (!init.ok()) return NotRunning(record);
  ASSIGN_OR_RETURN(const OutOfMemoryAlarm alarm, MakeAlarm(groups));
  uint64_t kills = groups.OutOfMemoryKills();
  absl::Time next = absl::Now() + interval;
  absl::Time looking_until = absl::InfinitePast();
  while (true) {
    pollfd waiting[] = {{init->get(), POLLIN, 0}, alarm.Poll()};
    const absl::Duration wait = absl::Now() < looking_until ? kLookAgain : next - absl::Now();
    const int ready = ::poll(waiting, 2, Milliseconds(wait));
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", record.id);
    const uint64_t kills_now = groups.OutOfMemoryKills();
    if (kills_now > kills) Print("oom", record.id, nullptr);
    kills = std::max(kills, kills_now);
    if (ready > 0 && waiting[0].revents != 0) return absl::OkStatus();
    if (ready > 0) {
      // The alarm comes before the kernel has chosen and counted its victim.
      alarm.Reset();
      looking_until = absl::Now() + kVictimTimeout;
    }
    if (absl::Now() < next) continue;
    Print("stats", record.id, StatsJson(groups));
    next += interval;
  }
}

// The first refusal of each call and rule, as the sentry recorded it.
absl::StatusOr<int> PrintRefusals(const state::Store& store, const state::Record& record) {
  constexpr size_t kMaxFile = 64 << 20;
  if (record.audit_all) {
    return absl::FailedPreconditionError(
        absl::StrCat("container ", record.id, " was created with --audit: look there"));
  }
  const std::string path = absl::StrCat(store.Directory(record.id), "/refusals.jsonl");
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    Print("refusal", record.id, nlohmann::ordered_json::parse(line, nullptr, false));
  }
  return 0;
}

absl::StatusOr<int> Events(const Context& context, const EventsFlags& flags) {
  const auto interval = ParseDuration(flags.interval);
  if (!interval.ok()) return Annotate(interval.status(), "--interval");
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Record record, store.Read(flags.id));
  if (flags.refusals) return PrintRefusals(store, record);
  if (state::CurrentStatus(record) == state::Status::kStopped) return NotRunning(record);
  const cgroups::LiveGroups groups(record.cgroup_paths);
  if (groups.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("container ", flags.id, " has no control group, so nothing is counted"));
  }
  if (flags.stats) {
    Print("stats", record.id, StatsJson(groups));
    return 0;
  }
  RETURN_IF_ERROR(Watch(record, groups, *interval));
  return 0;
}

}  // namespace

Action ConfigureEvents(CLI::App& app) {
  auto flags = std::make_shared<EventsFlags>();
  app.add_option("id", flags->id, "a container")->required()->type_name("ID");
  app.add_option("--interval", flags->interval, "time between two lines of figures")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_flag("--stats", flags->stats, "one line of figures, and no waiting");
  app.add_flag("--refusals", flags->refusals,
               "one line for each call that was refused, and by which rule; no waiting");
  app.footer(
      "\nOne JSON object a line: {\"type\":\"stats\",...} every TIME, {\"type\":\"oom\",...} when\n"
      "the kernel killed a process because memory ran out. Ends with the container.\n"
      "\nExample:\n  moat events --stats web | jq .data.memory.usage");
  return [flags](const Context& context) { return Events(context, *flags); };
}

}  // namespace moat::cli
