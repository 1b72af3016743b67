#include "bench/moat_bench/security/footprint.h"

#include <unistd.h>

#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/moat_bench/driver/roles.h"
#include "bench/moat_bench/tracing/kernel_samples.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr const char* kWorks[] = {"files", "names", "processes", "memory", "messages", "network"};
// Starting a process takes gVisor thousands of calls, and the trace must hold them.
int RoundsOf(const std::string& work) { return work == "processes" ? 20 : 1000; }
constexpr int kSampleMilliseconds = 1500, kSamplesPerSecond = 5000;
// So many samples of each runtime are compared, whatever it gave.
constexpr int kComparedSamples = 1000;
constexpr double kWorkSeconds = 60;

struct Counted {
  std::map<Role, double> calls;
  std::map<Role, std::set<long>> numbers;
  double guest_calls = 0;  // of one round
  std::string fault;
  long lost = 0;
};

Counted CountCalls(Containers& containers, const Runtime& runtime, const std::string& work,
                   int rounds) {
  Counted counted;
  const auto config = containers.Config(runtime, Profile::kDefaults,
                                        {"/bin/guest", "work", work, absl::StrCat(rounds)});
  auto trace = SyscallTrace::Start(getpid(), SyscallTrace::Detail::kEntries);
  if (!config.ok() || !trace.ok()) {
    counted.fault = std::string((config.ok() ? trace.status() : config.status()).message());
    return counted;
  }
  Roles roles;
  const Outcome ran = containers.Run(runtime, *config, kWorkSeconds, [&](const Outcome&) {
    roles.Look(containers.processes().Descendants());
    return false;
  });
  const auto events = (*trace)->Stop(&counted.lost);
  const size_t mark = ran.out.find("calls ");
  if (!ran.ok() || mark == std::string::npos || !events.ok()) {
    counted.fault = events.ok() ? ran.Fault() : std::string(events.status().message());
    return counted;
  }
  counted.guest_calls = std::atof(ran.out.c_str() + mark + 6);
  for (const TraceEvent& event : *events) {
    if (event.kind != TraceEvent::Kind::kEnter || event.process == getpid()) continue;
    const Role role = roles.Of(event.process != 0 ? event.process : event.thread, event.command);
    ++counted.calls[role];
    counted.numbers[role].insert(event.number);
  }
  return counted;
}

json HostCallsPerGuestCall(Containers& containers, const Runtime& runtime,
                           const std::string& work) {
  const Counted start = CountCalls(containers, runtime, work, 0);
  const Counted whole = CountCalls(containers, runtime, work, RoundsOf(work));
  if (!whole.fault.empty() || !start.fault.empty())
    return {{"fault", whole.fault.empty() ? start.fault : whole.fault}};
  json calls = json::object(), numbers = json::object();
  double all = 0;
  for (const Role role : kRoles) {
    const auto with = whole.calls.find(role), without = start.calls.find(role);
    const double made = (with == whole.calls.end() ? 0 : with->second) -
                        (without == start.calls.end() ? 0 : without->second);
    const double each = std::max(0.0, made) / (RoundsOf(work) * whole.guest_calls);
    calls[NameOf(role)] = each;
    all += each;
    const auto kinds = whole.numbers.find(role);
    numbers[NameOf(role)] = kinds == whole.numbers.end() ? 0 : kinds->second.size();
  }
  return {{"guest_calls", RoundsOf(work) * whole.guest_calls},
          {"host_calls", calls},
          {"host_calls_together", all},
          {"host_call_numbers", numbers},
          {"lost_events", start.lost + whole.lost}};
}

json CountFunctions(const std::vector<const KernelSample*>& samples, const KernelSymbols& symbols) {
  const auto counts = FunctionCounts(samples, symbols);
  const int all = static_cast<int>(samples.size());
  return {{"samples", all},
          {"seen", counts.size()},
          {"expected", ExpectedFunctions(counts, all, kComparedSamples)}};
}

json KernelFunctions(Containers& containers, const Runtime& runtime) {
  const auto symbols = KernelSymbols::Read();
  if (!symbols.ok()) return {{"fault", symbols.status().message()}};
  auto sampler = KernelSampler::Start(kSamplesPerSecond);
  if (!sampler.ok()) return {{"fault", sampler.status().message()}};
  Roles roles;
  for (const char* work : kWorks) {
    const auto config =
        containers.Config(runtime, Profile::kDefaults,
                          {"/bin/guest", "work", work, absl::StrCat(-kSampleMilliseconds)});
    if (!config.ok()) return {{"fault", config.status().message()}};
    containers.Run(runtime, *config, kWorkSeconds, [&](const Outcome&) {
      roles.Look(containers.processes().Descendants());
      (*sampler)->Collect();
      return false;
    });
  }
  (*sampler)->Collect();
  std::map<Role, std::vector<const KernelSample*>> by_role;
  std::vector<const KernelSample*> together;
  for (const KernelSample& sample : (*sampler)->samples()) {
    if (sample.process == getpid()) continue;
    by_role[roles.Of(sample.process, "guest")].push_back(&sample);
    together.push_back(&sample);
  }
  json functions = {{"together", CountFunctions(together, *symbols)},
                    {"compared_samples", kComparedSamples}};
  for (const Role role : kRoles) functions[NameOf(role)] = CountFunctions(by_role[role], *symbols);
  return functions;
}

}  // namespace

json Footprint(Containers& containers, const Runtime& runtime) {
  json works = json::object();
  for (const char* work : kWorks) {
    if (containers.processes().interrupted()) return {{"fault", "interrupted"}};
    works[work] = HostCallsPerGuestCall(containers, runtime, work);
  }
  return {{"works", works}, {"functions", KernelFunctions(containers, runtime)}};
}

}  // namespace moat::bench
