#include "bench/moat_bench/speed/breakdown.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/moat_bench/driver/roles.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

using nlohmann::json;

struct Call {
  const char* name;
  int repetitions;
};
constexpr Call kCalls[] = {{"stat", 2000}, {"open", 2000}, {"exec", 100}};
constexpr double kSeconds = 60;

// Requests of a seccomp listener, linux/seccomp.h.
constexpr uint64_t kReceive = 0xc0502100, kSend = 0xc0182101, kStillValid = 0x40082102,
                   kAddDescriptor = 0x40182103;

std::string StepOfSupervisor(const TraceEvent& event) {
  switch (event.number) {
    case SYS_process_vm_readv:
      return "read memory";
    case SYS_process_vm_writev:
      return "write result to memory";
    case SYS_ptrace:
      return "act in the task (ptrace)";
    case SYS_ioctl:
      break;
    default:
      return "supervisor: other calls";
  }
  switch (event.arguments[1] & 0xffffffff) {
    case kReceive:
      return "receive";
    case kSend:
      return "reply";
    case kStillValid:
      return "check that the call still waits";
    case kAddDescriptor:
      return "hand over the descriptor";
    default:
      return "supervisor: other calls";
  }
}

// What is going on from this event on, until the next one of the container.
std::string StepFrom(const TraceEvent& event, Role role) {
  if (event.kind == TraceEvent::Kind::kSwitch) return "wake-up and switch";
  const bool enters = event.kind == TraceEvent::Kind::kEnter;
  switch (role) {
    case Role::kWorkload:
      return enters ? "workload: in the kernel" : "workload: own code and trap";
    case Role::kFileProxy:
      return enters ? "file proxy: calls" : "file proxy: own code";
    case Role::kSupervisor:
      return enters ? StepOfSupervisor(event) : "supervisor: own code (decoding, policy, look-ups)";
  }
  return "?";
}

class Timeline {
 public:
  Timeline(const std::vector<TraceEvent>& events, const Roles& roles, pid_t self) {
    for (const TraceEvent& event : events) {
      if (event.process != 0) processes_[event.thread] = event.process;
    }
    for (const TraceEvent& event : events) {
      if (Process(event.thread) == self) continue;
      const bool known_next =
          event.kind == TraceEvent::Kind::kSwitch && roles.all().contains(Process(event.next));
      if (!roles.all().contains(Process(event.thread)) && !known_next &&
          event.command.rfind("guest", 0) != 0)
        continue;
      steps_.emplace_back(event.seconds,
                          StepFrom(event, roles.Of(Process(event.thread), event.command)));
    }
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  // Seconds of each step between two moments.
  std::map<std::string, double> Sum(double from, double to) const {
    std::map<std::string, double> sums;
    for (size_t i = 0; i + 1 < steps_.size(); ++i) {
      const double begin = std::max(from, steps_[i].first), end = std::min(to, steps_[i + 1].first);
      if (end > begin) sums[steps_[i].second] += end - begin;
    }
    return sums;
  }

 private:
  pid_t Process(pid_t thread) const {
    const auto known = processes_.find(thread);
    return known == processes_.end() ? thread : known->second;
  }
  std::map<pid_t, pid_t> processes_;
  std::vector<std::pair<double, std::string>> steps_;
};

// What the guest printed: when it began and ended, by CLOCK_MONOTONIC.
bool ParseSpan(const std::string& text, double& from, double& to) {
  return std::sscanf(text.c_str(), "span %lf %lf", &from, &to) == 2;
}

json BreakDown(Containers& containers, const Runtime& runtime, const Call& call) {
  const auto config =
      containers.Config(runtime, Profile::kDefaults,
                        {"/bin/guest", "repeat", call.name, absl::StrCat(call.repetitions)});
  if (!config.ok()) return {{"fault", config.status().message()}};
  double from = 0, to = 0;
  const Outcome plain = containers.Run(runtime, *config, kSeconds);
  if (!ParseSpan(plain.out, from, to)) return {{"fault", plain.Fault()}};
  const double untraced = (to - from) / call.repetitions;
  auto trace = SyscallTrace::Start(getpid(), SyscallTrace::Detail::kTimes);
  if (!trace.ok()) return {{"fault", trace.status().message()}};
  Roles roles;
  const Outcome traced = containers.Run(runtime, *config, kSeconds, [&](const Outcome&) {
    roles.Look(containers.processes().Descendants());
    return false;
  });
  long lost = 0;
  const auto events = (*trace)->Stop(&lost);
  if (!events.ok()) return {{"fault", events.status().message()}};
  if (!ParseSpan(traced.out, from, to)) return {{"fault", traced.Fault()}};
  json steps = json::array();
  for (const auto& [name, seconds] : Timeline(*events, roles, getpid()).Sum(from, to)) {
    steps.push_back({{"name", name}, {"us", seconds / call.repetitions * 1e6}});
  }
  std::sort(steps.begin(), steps.end(),
            [](const json& a, const json& b) { return a.at("us") > b.at("us"); });
  return {{"steps", steps},
          {"calls", call.repetitions},
          {"untraced_us", untraced * 1e6},
          {"lost_events", lost}};
}

}  // namespace

absl::Status RunBreakdown(Containers& containers, const std::vector<Runtime>& runtimes,
                          const std::string& name, Journal& journal, Terminal& terminal) {
  const auto runtime = std::find_if(runtimes.begin(), runtimes.end(),
                                    [&](const Runtime& r) { return r.name == name; });
  if (runtime == runtimes.end())
    return absl::InvalidArgumentError(
        absl::StrCat("--breakdown ", name, ": no --runtime has that name"));
  if (!runtime->usable())
    return absl::UnavailableError(absl::StrCat(name, " cannot be used here: ", runtime->why_not));
  int done = 0;
  for (const Call& call : kCalls) {
    terminal.Progress(done++, static_cast<int>(std::size(kCalls)), call.name);
    json part = BreakDown(containers, *runtime, call);
    if (containers.processes().interrupted()) return absl::CancelledError("interrupted");
    RETURN_IF_ERROR(journal.Put(absl::StrCat("breakdown/", call.name), std::move(part)));
  }
  return absl::OkStatus();
}

}  // namespace moat::bench
