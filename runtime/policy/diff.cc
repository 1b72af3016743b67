#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/policy/explain.h"
#include "runtime/policy/words.h"
#include "sentry/syscalls/call_policy.h"

namespace moat::policy {
namespace {

using policies::Policy;
using sentry::CallPolicy;
using sentry::PolicyLine;

// An ordered list of rules and what holds behind it.
template <typename List, typename Words>
void AppendRules(const char* what, const List& list, Words words, std::vector<std::string>& facts) {
  int number = 0;
  for (const auto& rule : list.rules) {
    facts.push_back(absl::StrCat(what, " ", ++number, ": ", words(rule)));
  }
  facts.push_back(absl::StrCat(what, " otherwise: ", list.otherwise_allow ? "allow" : "deny"));
}

// A policy but for its calls, one fact a line.
std::vector<std::string> Facts(const Policy& policy) {
  std::vector<std::string> facts;
  for (const policies::FileRule& rule : policy.files()) {
    facts.push_back("file " + FileRuleWords(rule));
  }
  if (const auto* exec = policy.exec()) {
    facts.push_back("exec nothing but what is listed");
    for (const policies::ExecRule& rule : *exec) facts.push_back("exec " + rule.path);
  }
  if (const policies::Egress* egress = policy.egress()) {
    AppendRules("egress", *egress, EgressRuleWords, facts);
    for (const policies::EndPoint& server : egress->resolvers) {
      facts.push_back(absl::StrCat("egress resolver ", policies::EndPointText(server)));
    }
  }
  if (const auto* listen = policy.listen()) AppendRules("listen", *listen, EgressRuleWords, facts);
  if (const auto* devices = policy.devices()) {
    AppendRules("device", *devices, DeviceRuleWords, facts);
  }
  const policies::Limits limits = policy.limits();
  const auto limit = [&](const char* name, const std::optional<int64_t>& value) {
    if (value) facts.push_back(absl::StrCat("limit ", name, " ", *value));
  };
  limit("memory", limits.memory);
  limit("pids", limits.pids);
  limit("open_files", limits.open_files);
  limit("file_size", limits.file_size);
  return facts;
}

std::string CountWords(const CallPolicy& calls) {
  const CallPolicy::Counts counts = calls.Count();
  return absl::StrCat("calls: ", counts.native, " native, ", counts.checked, " checked, ",
                      counts.sentry, " by the sentry, ", counts.refused, " refused; ",
                      counts.reach_kernel, " reach the host's kernel in some use");
}

std::vector<std::string> CallWords(const std::vector<PolicyLine>& lines) {
  std::vector<std::string> words;
  for (const PolicyLine& line : lines) words.push_back(LineWords(line));
  return words;
}

bool SameMeaning(const std::vector<PolicyLine>& a, const std::vector<PolicyLine>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const PolicyLine& x, const PolicyLine& y) {
        const auto same = [](const policies::Condition& c, const policies::Condition& d) {
          return c.index == d.index && c.mask == d.mask && c.compare == d.compare &&
                 c.value == d.value;
        };
        return x.action == y.action &&
               std::equal(x.all.begin(), x.all.end(), y.all.begin(), y.all.end(), same);
      });
}

void AppendLines(std::string& text, const char* mark, const std::string& name,
                 const std::vector<std::string>& lines, const std::vector<std::string>& others) {
  for (const std::string& line : lines) {
    if (std::find(others.begin(), others.end(), line) != others.end()) continue;
    absl::StrAppend(&text, mark, name, line, "\n");
  }
}

}  // namespace

absl::StatusOr<std::string> Show(const Policy& policy) {
  ASSIGN_OR_RETURN(const CallPolicy calls, CallPolicy::Create(policy));
  std::string text;
  for (const policies::Layer& layer : policy.layers) {
    absl::StrAppend(&text, &layer == &policy.top() ? "policy " : "  extends ", layer.name, " (",
                    layer.source, ")", layer.description.empty() ? "" : ": ", layer.description,
                    "\n");
  }
  absl::StrAppend(&text, CountWords(calls), "\n");
  for (const std::string& fact : Facts(policy)) absl::StrAppend(&text, fact, "\n");
  for (const sentry::Entry& entry : sentry::SyscallTable()) {
    for (const PolicyLine& line : *calls.LinesOf(entry.nr)) {
      if (line.rule == "table") continue;
      absl::StrAppend(&text, entry.name, ": ", LineWords(line), "\n");
    }
  }
  return text;
}

absl::StatusOr<std::string> Diff(const Policy& a, const Policy& b) {
  ASSIGN_OR_RETURN(const CallPolicy calls_a, CallPolicy::Create(a));
  ASSIGN_OR_RETURN(const CallPolicy calls_b, CallPolicy::Create(b));
  std::string text;
  for (const sentry::Entry& entry : sentry::SyscallTable()) {
    const auto& lines_a = *calls_a.LinesOf(entry.nr);
    const auto& lines_b = *calls_b.LinesOf(entry.nr);
    if (SameMeaning(lines_a, lines_b)) continue;
    const std::string name = absl::StrCat(entry.name, ": ");
    AppendLines(text, "- ", name, CallWords(lines_a), CallWords(lines_b));
    AppendLines(text, "+ ", name, CallWords(lines_b), CallWords(lines_a));
  }
  AppendLines(text, "- ", "", Facts(a), Facts(b));
  AppendLines(text, "+ ", "", Facts(b), Facts(a));
  if (text.empty()) return text;
  return absl::StrCat("- ", CountWords(calls_a), "\n+ ", CountWords(calls_b), "\n", text);
}

}  // namespace moat::policy
