#include "bench/moat_bench/security/matrix.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/moat_bench/guest/call_tag.h"
#include "bench/moat_bench/security/call_names.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kMatrixSeconds = 240;
// The number's bits in a tag (CallTag); x32's own bit lies above them.
constexpr unsigned kNumberMask = 0xfff;

// They exist, and say ENOSYS to arguments of -1: futex, futex_time64, modify_ldt, ipc.
const std::set<CallKey> kSayNoSuchCall = {{0, 202}, {0, 154}, {1, 240},
                                          {1, 422}, {1, 123}, {1, 117}};

bool IsRefusal(const CallOutcome& outcome) {
  return outcome.kind == CallOutcome::Kind::kReturned &&
         (outcome.value == -EPERM || outcome.value == -ENOSYS || outcome.value == -EACCES);
}

std::string InWords(const CallOutcome& outcome) {
  switch (outcome.kind) {
    case CallOutcome::Kind::kKilled: {
      const char* name = sigabbrev_np(static_cast<int>(outcome.value));
      return name == nullptr ? absl::StrCat("signal ", outcome.value) : absl::StrCat("SIG", name);
    }
    case CallOutcome::Kind::kExited:
      return "ends the process";
    case CallOutcome::Kind::kWaits:
      return "waits";
    case CallOutcome::Kind::kReturned:
      break;
  }
  if (outcome.value < 0 && outcome.value > -4096)
    return ErrnoName(static_cast<int>(-outcome.value));
  return outcome.value == 0 ? "0" : "a value";
}

// The tags that the trace holds of the very call that they name: a register that still holds a tag
// when the next call, with fewer arguments, is made, counts for nothing.
std::set<unsigned> TagsThatRan(const std::vector<TraceEvent>& events) {
  std::set<unsigned> tags;
  for (const TraceEvent& event : events) {
    if (event.kind != TraceEvent::Kind::kEnter || event.arguments[5] >> 31 != 1) continue;
    const unsigned tag = static_cast<unsigned>(event.arguments[5]);
    if ((event.number & kNumberMask) == static_cast<long>(tag & kNumberMask)) tags.insert(tag);
  }
  return tags;
}

struct Count {
  int existing = 0, host_ran = 0;
  std::map<std::string, int> verdicts;

  json AsJson() const {
    json all = {{"existing", existing}, {"host_ran", host_ran}};
    for (const auto& [name, number] : verdicts) all[name] = number;
    return all;
  }
};

json Summarize(const CallOutcomes& plain, const CallOutcomes& inside, const std::set<unsigned>& ran,
               unsigned seed) {
  Count total;
  json doors = json::object(), calls = json::object();
  for (int door = 0; door < kDoors; ++door) {
    Count count;
    json list = json::array();
    for (int number = 0; number < kNumbers[door]; ++number) {
      const auto reference = plain.find({door, number});
      const auto found = inside.find({door, number});
      if (reference == plain.end()) continue;
      const CallOutcome* outcome = found == inside.end() ? nullptr : &found->second;
      const bool host_ran = ran.contains(CallTag(seed, door, number));
      const Verdict verdict = Judge({door, number}, reference->second, outcome, host_ran);
      const bool exists = verdict != Verdict::kAbsent;
      count.existing += exists;
      count.host_ran += exists && host_ran;
      ++count.verdicts[NameOf(verdict)];
      if (exists) {
        list.push_back({number, CallName(door, number), NameOf(verdict),
                        outcome == nullptr ? "" : InWords(*outcome), InWords(reference->second)});
      }
    }
    total.existing += count.existing;
    total.host_ran += count.host_ran;
    for (const auto& [name, number] : count.verdicts) total.verdicts[name] += number;
    doors[kDoorNames[door]] = count.AsJson();
    calls[kDoorNames[door]] = list;
  }
  return {{"total", total.AsJson()}, {"doors", doors}, {"calls", calls}};
}

}  // namespace

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAbsent:
      return "absent";
    case Verdict::kNative:
      return "native";
    case Verdict::kEmulated:
      return "emulated";
    case Verdict::kRefused:
      return "refused";
    case Verdict::kKilled:
      return "killed";
    case Verdict::kUntold:
      return "untold";
  }
  return "?";
}

CallOutcomes ParseMatrix(const std::string& text, bool* whole) {
  CallOutcomes all;
  *whole = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, door_name, kind;
    int number = -1;
    words >> mark;
    if (mark == "done") *whole = true;
    if (mark != "call" || !(words >> door_name >> number >> kind)) continue;
    CallOutcome outcome;
    if (kind != "waits" && !(words >> outcome.value)) continue;
    if (kind == "returned") outcome.kind = CallOutcome::Kind::kReturned;
    if (kind == "killed") outcome.kind = CallOutcome::Kind::kKilled;
    if (kind == "exited") outcome.kind = CallOutcome::Kind::kExited;
    if (kind == "waits") outcome.kind = CallOutcome::Kind::kWaits;
    for (int door = 0; door < kDoors; ++door) {
      if (door_name == kDoorNames[door]) all[{door, number}] = outcome;
    }
  }
  return all;
}

Verdict Judge(CallKey key, const CallOutcome& plain, const CallOutcome* inside, bool ran) {
  const bool unknown_to_kernel = plain == CallOutcome{CallOutcome::Kind::kReturned, -ENOSYS};
  if (unknown_to_kernel && !kSayNoSuchCall.contains(key)) return Verdict::kAbsent;
  if (ran) return Verdict::kNative;
  if (inside == nullptr) return Verdict::kUntold;
  if (*inside == plain) return Verdict::kEmulated;
  if (inside->kind == CallOutcome::Kind::kKilled) return Verdict::kKilled;
  return IsRefusal(*inside) ? Verdict::kRefused : Verdict::kEmulated;
}

const CallOutcomes& PlainKernel::Outcomes(Containers& containers) {
  if (asked_) return outcomes_;
  asked_ = true;
  const Outcome ran = containers.processes().Run(
      {.arguments = {"unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "--ipc",
                     "--uts", "chroot", containers.places().root, "/bin/guest", "matrix", "0"},
       .limit_seconds = kMatrixSeconds});
  bool whole = false;
  outcomes_ = ParseMatrix(ran.out, &whole);
  if (whole) return outcomes_;
  outcomes_.clear();
  fault_ = absl::StrCat("the plain kernel could not be asked: ", ran.Fault());
  return outcomes_;
}

json Matrix(Containers& containers, const Runtime& runtime, Profile profile, PlainKernel& plain) {
  const CallOutcomes& reference = plain.Outcomes(containers);
  if (reference.empty()) return {{"fault", plain.fault()}};
  const unsigned seed = std::random_device()() % kSeedLimit;
  const auto config =
      containers.Config(runtime, profile, {"/bin/guest", "matrix", absl::StrCat(seed)});
  if (!config.ok()) return {{"fault", config.status().message()}};
  auto trace = SyscallTrace::Start(getpid(), SyscallTrace::Detail::kEntries);
  if (!trace.ok())
    return {
        {"fault", absl::StrCat("the host's kernel cannot be watched: ", trace.status().message())}};
  const Outcome ran = containers.Run(runtime, *config, kMatrixSeconds);
  long lost = 0;
  const auto events = (*trace)->Stop(&lost);
  bool whole = false;
  const CallOutcomes inside = ParseMatrix(ran.out, &whole);
  if (!events.ok()) return {{"fault", events.status().message()}};
  if (inside.empty()) return {{"fault", ran.Fault()}};
  json matrix = Summarize(reference, inside, TagsThatRan(*events), seed);
  matrix["lost_events"] = lost;
  if (!whole) matrix["note"] = absl::StrCat("the list ends early: ", ran.Fault());
  return matrix;
}

}  // namespace moat::bench
