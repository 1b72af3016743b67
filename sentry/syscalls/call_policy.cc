#include "sentry/syscalls/call_policy.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "platform/loader/plan.h"
#include "sentry/syscalls/loosening.h"

namespace moat::sentry {
namespace {

using policies::Action;
using policies::CallRule;
using policies::Layer;

Action ToAction(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::kNative:
      return Action::Allow();
    case Verdict::Kind::kNotify:
      return Action::Notify();
    case Verdict::Kind::kErrno:
      break;
  }
  return Action::Error(verdict.error);
}

bool AlwaysHolds(const PolicyLine& line) { return line.all.empty(); }

// What the table says of a call.
std::vector<PolicyLine> LinesOfTable(const Entry& entry) {
  std::vector<PolicyLine> lines;
  for (const Check& check : entry.checks) {
    PolicyLine line{{}, ToAction(check.verdict), "table", std::string(entry.note)};
    for (const Condition& condition : check.conditions) {
      line.all.push_back({condition.argument, condition.mask, condition.compare, condition.value});
    }
    lines.push_back(std::move(line));
  }
  lines.push_back({{}, ToAction(entry.otherwise), "table", std::string(entry.note)});
  return lines;
}

Action::Kind Strongest(const std::vector<PolicyLine>& lines) {
  Action::Kind strongest = Action::Kind::kAllow;
  for (const PolicyLine& line : lines) {
    // An error of 0 skips the call: nothing is refused.
    if (line.action.kind == Action::Kind::kErrno && line.action.error == 0) continue;
    strongest = std::max(strongest, line.action.kind);
  }
  return strongest;
}

// Whether the rule may stand above `below`; the error has no position.
absl::Status CheckAgainst(const CallRule& rule, const Entry& entry,
                          const std::vector<PolicyLine>& below) {
  if (entry.nr == loader::kPlanCall) {
    return absl::InvalidArgumentError("moat_plan is moat's own and stays as it is");
  }
  const bool allows_more = rule.action.kind < Strongest(below);
  if (allows_more && rule.loosen.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.name,
                     ": allows more than what lies below it, which refuses some uses; to mean it, "
                     "say why with \"loosen\""));
  }
  if (allows_more) RETURN_IF_ERROR(MayLoosen(entry, rule.when));
  if (allows_more && rule.action.kind == Action::Kind::kNotify && entry.handler == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.name, ": the sentry has no answer of its own for it"));
  }
  return absl::OkStatus();
}

// The lines of one layer's rules about a call.
absl::StatusOr<std::vector<PolicyLine>> LinesOfLayer(const Layer& layer, const Entry& entry,
                                                     const std::vector<PolicyLine>& below) {
  std::vector<PolicyLine> lines;
  for (const CallRule& rule : layer.calls) {
    const auto named = std::find_if(rule.calls.begin(), rule.calls.end(),
                                    [&](const auto& name) { return name.text == entry.name; });
    if (named == rule.calls.end()) continue;
    if (const absl::Status status = CheckAgainst(rule, entry, below); !status.ok()) {
      return Annotate(status, PlaceOf(layer, named->at));
    }
    if (!lines.empty() && AlwaysHolds(lines.back())) {
      return absl::InvalidArgumentError(
          absl::StrCat(PlaceOf(layer, named->at), ": ", entry.name,
                       ": never asked, as a rule before it always holds"));
    }
    const std::string& reason = rule.loosen.empty() ? rule.reason : rule.loosen;
    PolicyLine line{{}, rule.action, PlaceOf(layer, rule.at), reason, !rule.loosen.empty()};
    if (rule.when.empty()) lines.push_back(line);
    for (const auto& way : rule.when) {
      line.all = way;
      lines.push_back(line);
    }
  }
  return lines;
}

absl::Status CheckNames(const Layer& layer) {
  for (const CallRule& rule : layer.calls) {
    for (const CallRule::Name& name : rule.calls) {
      if (FindSyscallByName(name.text) != nullptr) continue;
      return absl::InvalidArgumentError(absl::StrCat(PlaceOf(layer, name.at), ": \"", name.text,
                                                     "\" is no system call of x86-64"));
    }
  }
  return absl::OkStatus();
}

// Refusals that programs run into all the time, expect, and have an answer to.
bool IsExpected(int nr, const Action& action) {
  constexpr int kClone3 = 435;
  return nr == kClone3 || action.error == 0;
}

Action InFilter(int nr, const Action& action, Refusals refusals) {
  if (action.kind != Action::Kind::kErrno || refusals == Refusals::kInKernel) return action;
  if (refusals == Refusals::kTold && IsExpected(nr, action)) return action;
  return Action::Notify();
}

// With exec rules no program comes out of memory: such a file may not be executable, for good. Code
// that a program writes into its own memory is another matter (PROT_EXEC).
void SealMemoryFiles(const policies::Policy& policy, std::vector<PolicyLine>& lines) {
  constexpr uint64_t kNoExecSeal = 8;  // MFD_NOEXEC_SEAL
  if (policy.exec() == nullptr) return;
  lines.insert(lines.begin(), {{{1, kNoExecSeal, policies::Compare::kEqual, 0}},
                               Action::Error(EACCES),
                               "exec",
                               "with exec rules a memfd needs MFD_NOEXEC_SEAL"});
}

}  // namespace

absl::StatusOr<CallPolicy> CallPolicy::Create(const policies::Policy& policy) {
  for (const Layer& layer : policy.layers) RETURN_IF_ERROR(CheckNames(layer));
  CallPolicy calls;
  for (const Entry& entry : SyscallTable()) {
    std::vector<PolicyLine> lines = LinesOfTable(entry);
    for (auto layer = policy.layers.rbegin(); layer != policy.layers.rend(); ++layer) {
      ASSIGN_OR_RETURN(std::vector<PolicyLine> above, LinesOfLayer(*layer, entry, lines));
      const bool hides = !above.empty() && AlwaysHolds(above.back());
      if (!hides) above.insert(above.end(), lines.begin(), lines.end());
      lines = std::move(above);
    }
    if (entry.name == "memfd_create") SealMemoryFiles(policy, lines);
    calls.lines_.emplace(entry.nr, std::move(lines));
  }
  return calls;
}

void CallPolicy::WatchMessages() {
  for (PolicyLine& line : lines_.at(FindSyscallByName("sendmsg")->nr)) {
    if (line.action.kind == Action::Kind::kAllow) line.action = Action::Notify();
  }
}

const std::vector<PolicyLine>* CallPolicy::LinesOf(int nr) const {
  const auto found = lines_.find(nr);
  return found == lines_.end() ? nullptr : &found->second;
}

bool Holds(const policies::Condition& condition, const CallArguments& arguments) {
  const uint64_t value = arguments[static_cast<size_t>(condition.index)] & condition.mask;
  switch (condition.compare) {
    case policies::Compare::kEqual:
      return value == condition.value;
    case policies::Compare::kNotEqual:
      return value != condition.value;
    case policies::Compare::kLess:
      return value < condition.value;
    case policies::Compare::kGreaterEqual:
      break;
  }
  return value >= condition.value;
}

const PolicyLine* CallPolicy::Decide(int nr, const CallArguments& arguments) const {
  const std::vector<PolicyLine>* lines = LinesOf(nr);
  if (lines == nullptr) return nullptr;
  for (const PolicyLine& line : *lines) {
    const bool holds = std::all_of(
        line.all.begin(), line.all.end(),
        [&](const policies::Condition& condition) { return Holds(condition, arguments); });
    if (holds) return &line;
  }
  return nullptr;  // never: the last line always holds
}

policies::FilterSpec CallPolicy::ToFilterSpec(Refusals refusals) const {
  policies::FilterSpec spec;
  for (const auto& [nr, lines] : lines_) {
    policies::Rule rule{.nr = nr, .action = InFilter(nr, lines.back().action, refusals)};
    for (const PolicyLine& line : lines) {
      if (AlwaysHolds(line)) break;
      rule.cases.push_back({line.all, InFilter(nr, line.action, refusals)});
    }
    spec.rules.push_back(std::move(rule));
  }
  return spec;
}

CallPolicy::Counts CallPolicy::Count() const {
  Counts counts;
  for (const auto& [nr, lines] : lines_) {
    const bool reaches = std::any_of(lines.begin(), lines.end(), [](const PolicyLine& line) {
      return line.action.kind == Action::Kind::kAllow;
    });
    counts.reach_kernel += reaches ? 1 : 0;
    if (lines.size() > 1) {
      ++counts.checked;
    } else if (reaches) {
      ++counts.native;
    } else if (lines.front().action.kind == Action::Kind::kNotify) {
      ++counts.sentry;
    } else {
      ++counts.refused;
    }
  }
  return counts;
}

const Entry* FindSyscallByName(absl::string_view name) {
  for (const Entry& entry : SyscallTable()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace moat::sentry
