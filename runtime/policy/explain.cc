#include "runtime/policy/explain.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "policies/container/constants.h"
#include "runtime/policy/words.h"
#include "sentry/syscalls/call_policy.h"

namespace moat::policy {
namespace {

using policies::Layer;
using policies::Policy;
using sentry::CallPolicy;
using sentry::PolicyLine;

absl::Status NotUnderstood(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(
      what,
      "; ask as: openat | ioctl 0x5412 | mprotect _ _ PROT_EXEC | connect to 10.0.0.1:80 | "
      "read /etc/shadow | write /etc/hosts | exec /usr/bin/python3"));
}

// The argument by which one speaks of a call with a single number.
int TellingArgument(absl::string_view name) {
  if (name == "ioctl" || name == "fcntl" || name == "shmctl" || name == "msgctl") return 1;
  if (name == "semctl" || name == "madvise") return 2;
  return 0;
}

// "_" is no answer: any value.
absl::StatusOr<std::optional<uint64_t>> ParseValue(const std::string& word) {
  uint64_t value = 0;
  if (word == "_") return std::optional<uint64_t>();
  if (absl::StartsWith(word, "0x") ? absl::SimpleHexAtoi(word, &value)
                                   : absl::SimpleAtoi(word, &value)) {
    return std::optional<uint64_t>(value);
  }
  if (const auto constant = policies::PolicyConstant(word)) {
    return std::optional<uint64_t>(*constant);
  }
  return NotUnderstood(absl::StrCat("\"", word, "\" is neither a number nor a constant"));
}

using Values = std::array<std::optional<uint64_t>, 6>;

absl::StatusOr<Values> ParseValues(absl::string_view name, const std::vector<std::string>& words) {
  Values values;
  const size_t first = words.size() == 1 ? static_cast<size_t>(TellingArgument(name)) : 0;
  if (first + words.size() > values.size()) return NotUnderstood("a call has six arguments");
  for (size_t i = 0; i < words.size(); ++i) {
    ASSIGN_OR_RETURN(values[first + i], ParseValue(words[i]));
  }
  return values;
}

enum class Answer { kYes, kNo, kDepends };

Answer Holds(const PolicyLine& line, const Values& values) {
  Answer answer = Answer::kYes;
  for (const policies::Condition& condition : line.all) {
    const auto& value = values[static_cast<size_t>(condition.index)];
    if (!value) {
      answer = Answer::kDepends;
      continue;
    }
    sentry::CallArguments arguments{};
    arguments[static_cast<size_t>(condition.index)] = *value;
    if (!sentry::Holds(condition, arguments)) return Answer::kNo;
  }
  return answer;
}

absl::StatusOr<std::string> ExplainCall(const Policy& policy, const sentry::Entry& entry,
                                        const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(const CallPolicy calls, CallPolicy::Create(policy));
  ASSIGN_OR_RETURN(const Values values, ParseValues(entry.name, words));
  std::string text = absl::StrCat(entry.name, ":\n");
  for (const PolicyLine& line : *calls.LinesOf(entry.nr)) {
    const Answer answer = Holds(line, values);
    if (answer == Answer::kNo) continue;
    absl::StrAppend(&text, "  ", LineWords(line), "\n");
    if (line.rule != "table") absl::StrAppend(&text, "    ", line.reason, "\n");
    if (answer == Answer::kYes) break;
  }
  absl::StrAppend(&text, "  The table says: ", entry.note, "\n");
  if (!entry.continue_reason.empty()) {
    absl::StrAppend(&text, "  Continued: ", entry.continue_reason, "\n");
  }
  return text;
}

// The layer that an egress rule, or the end of the list, stands in.
const Layer& LayerOfEgress(const Policy& policy) {
  return *std::find_if(policy.layers.begin(), policy.layers.end(),
                       [](const Layer& layer) { return layer.egress.has_value(); });
}

absl::StatusOr<std::string> ExplainConnect(const Policy& policy, const std::string& word) {
  const policies::Egress* egress = policy.egress();
  const auto point = policies::ParseEndPoint(word);
  if (!point.ok()) return NotUnderstood(std::string(point.status().message()));
  if (egress == nullptr) {
    return absl::StrCat("connect to ", word,
                        ": allowed  (no layer has \"egress\"; the container's network decides)\n");
  }
  const Layer& layer = LayerOfEgress(policy);
  std::string text = absl::StrCat("connect to ", word, ": ");
  std::string names;
  for (const policies::EgressRule& rule : egress->rules) {
    if (!rule.to.name.empty()) {
      policies::Destination anywhere = rule.to;
      if (!policies::Covers(anywhere, *point)) continue;
      absl::StrAppend(&names, "  or allowed while \"", rule.to.name, "\" has this address  (",
                      PlaceOf(layer, rule.at), ")\n");
      continue;
    }
    if (!policies::Covers(rule.to, *point)) continue;
    return absl::StrCat(text, rule.allow ? "allowed" : "EPERM", "  (", PlaceOf(layer, rule.at),
                        ": ", EgressRuleWords(rule), ")\n    ", rule.reason, "\n", names);
  }
  return absl::StrCat(text, egress->otherwise_allow ? "allowed" : "EPERM", "  (",
                      PlaceOf(layer, egress->at), ": otherwise)\n", names);
}

bool IsBelow(absl::string_view path, absl::string_view tree) {
  return path == tree || (absl::StartsWith(path, tree) && path[tree.size()] == '/');
}

std::string ExplainFile(const Policy& policy, const std::string& verb, const std::string& path) {
  using Kind = policies::FileRule::Kind;
  std::string text = absl::StrCat(verb, " ", path, ":\n");
  bool found = false;
  for (const Layer& layer : policy.layers) {
    for (const policies::FileRule& rule : layer.files) {
      if (!IsBelow(path, rule.path)) continue;
      const bool counts = rule.kind != Kind::kReadOnly || verb == "write";
      if (!counts) continue;
      found = true;
      absl::StrAppend(&text, "  ", rule.kind == Kind::kReadOnly ? "EROFS" : "not there", "  (",
                      PlaceOf(layer, rule.at), ": ", FileRuleWords(rule), ")\n    ", rule.reason,
                      "\n");
    }
    if (verb != "write" || !layer.exec) continue;
    for (const policies::ExecRule& rule : *layer.exec) {
      if (!IsBelow(path, rule.path)) continue;
      found = true;
      absl::StrAppend(&text, "  EROFS  (", PlaceOf(layer, rule.at),
                      ": what may be executed may not be written)\n");
    }
  }
  if (!found) absl::StrAppend(&text, "  no rule; the file's own permissions decide\n");
  return text;
}

std::string ExplainExec(const Policy& policy, const std::string& path) {
  const auto* exec = policy.exec();
  std::string text = absl::StrCat("exec ", path, ":\n");
  if (exec == nullptr) return text + "  no rule; the file's own permissions decide\n";
  const Layer& layer = *std::find_if(policy.layers.begin(), policy.layers.end(),
                                     [](const Layer& one) { return one.exec.has_value(); });
  for (const policies::ExecRule& rule : *exec) {
    if (!IsBelow(path, rule.path)) continue;
    return absl::StrCat(text, "  allowed, as far as its permissions go  (", PlaceOf(layer, rule.at),
                        ": ", rule.path, ")\n    ", rule.reason, "\n");
  }
  return absl::StrCat(text, "  EACCES  (", layer.source, ": \"exec\" does not list it)\n");
}

}  // namespace

absl::StatusOr<std::string> Explain(const Policy& policy,
                                    const std::vector<std::string>& question) {
  if (question.empty()) return NotUnderstood("no question");
  const std::string& verb = question[0];
  if (verb == "connect" && question.size() == 3 && question[1] == "to") {
    return ExplainConnect(policy, question[2]);
  }
  const bool about_path = question.size() == 2 && absl::StartsWith(question[1], "/");
  if (about_path && (verb == "read" || verb == "write")) {
    return ExplainFile(policy, verb, question[1]);
  }
  if (about_path && verb == "exec") return ExplainExec(policy, question[1]);
  const sentry::Entry* entry = sentry::FindSyscallByName(verb);
  if (entry == nullptr) return NotUnderstood(absl::StrCat("\"", verb, "\" is no system call"));
  return ExplainCall(policy, *entry, {question.begin() + 1, question.end()});
}

}  // namespace moat::policy
