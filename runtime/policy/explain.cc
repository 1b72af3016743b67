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
#include "policies/container/devices.h"
#include "policies/container/egress_names.h"
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
      "connect to pypi.example:443 | listen on 0.0.0.0:80 | device c 10:232 rw | read /etc/shadow "
      "| write /etc/hosts | exec /usr/bin/python3"));
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

// The layer that the rules of a part of the policy, or the end of their list, stand in.
template <typename Part>
const Layer& LayerWith(const Policy& policy, Part part) {
  return *std::find_if(policy.layers.begin(), policy.layers.end(),
                       [part](const Layer& layer) { return (layer.*part).has_value(); });
}

// What becomes of a name and a port: which rules let its addresses through, and which ones those
// are.
std::string ExplainName(const Layer& layer, const policies::Egress& egress, const std::string& word,
                        const policies::Destination& to) {
  std::string text = absl::StrCat("connect to ", word, ":\n");
  const std::vector<uint32_t> rules = policies::RulesOfName(egress, to.name);
  bool found = false;
  for (const uint32_t place : rules) {
    const policies::EgressRule& rule = egress.rules[place];
    policies::Destination ports = rule.to;
    if (!policies::Covers(ports, {{}, to.first_port, to.protocol}) ||
        !policies::Covers(ports, {{}, to.last_port, to.protocol})) {
      continue;
    }
    found = true;
    absl::StrAppend(&text, "  allowed  (", PlaceOf(layer, rule.at), ": ", EgressRuleWords(rule),
                    ")\n    ", rule.reason, "\n    to the ",
                    rule.within.empty() ? "public addresses" : "addresses within those ranges",
                    " that DNS gives for it, but for those that a rule denies\n");
  }
  if (rules.empty()) {
    absl::StrAppend(&text, "  there is no such name  (no rule allows it)\n");
  } else if (!found) {
    absl::StrAppend(&text, "  the name is answered, the port is not opened by it\n");
  }
  return absl::StrCat(text, found ? "" : "  by address: as the rules by address say\n");
}

// Why a rule by name may never open an address, or "".
std::string NeverOpens(const policies::Egress& egress, uint32_t place,
                       const policies::Address& address) {
  if (policies::MayOpen(egress, place, address)) return "";
  return egress.rules[place].within.empty() && !policies::IsPublic(address)
             ? "it is not public, and the rule has no \"within\" for it"
             : "a rule denies it, or \"within\" leaves it out";
}

absl::StatusOr<std::string> ExplainConnect(const Policy& policy, const std::string& word) {
  const policies::Egress* egress = policy.egress();
  const auto named = policies::ParseDestination(word);
  const bool by_name = named.ok() && !named->name.empty();
  const auto point = policies::ParseEndPoint(word);
  if (!by_name && !point.ok()) return NotUnderstood(std::string(point.status().message()));
  if (egress == nullptr) {
    return absl::StrCat("connect to ", word,
                        ": allowed  (no layer has \"egress\"; the container's network decides)\n");
  }
  const Layer& layer = LayerWith(policy, &Layer::egress);
  if (by_name) return ExplainName(layer, *egress, word, *named);
  std::string text = absl::StrCat("connect to ", word, ": ");
  std::string names;
  for (uint32_t place = 0; place < egress->rules.size(); ++place) {
    const policies::EgressRule& rule = egress->rules[place];
    if (!policies::Covers(rule.to, *point)) continue;
    if (!rule.to.name.empty()) {
      const std::string never = NeverOpens(*egress, place, point->address);
      absl::StrAppend(&names, "  ", never.empty() ? "or allowed while" : "not even if", " \"",
                      rule.to.name, "\" has this address", never.empty() ? "" : ": ", never, "  (",
                      PlaceOf(layer, rule.at), ")\n");
      continue;
    }
    return absl::StrCat(text, rule.allow ? "allowed" : "EPERM", "  (", PlaceOf(layer, rule.at),
                        ": ", EgressRuleWords(rule), ")\n    ", rule.reason, "\n", names);
  }
  return absl::StrCat(text, egress->otherwise_allow ? "allowed" : "EPERM", "  (",
                      PlaceOf(layer, egress->at), ": otherwise)\n", names);
}

absl::StatusOr<std::string> ExplainListen(const Policy& policy, const std::string& word) {
  const policies::Egress* listen = policy.listen();
  const auto point = policies::ParseEndPoint(word);
  if (!point.ok()) return NotUnderstood(std::string(point.status().message()));
  const std::string text = absl::StrCat("listen on ", word, ": ");
  if (listen == nullptr) return text + "allowed  (no layer has \"listen\")\n";
  const Layer& layer = LayerWith(policy, &Layer::listen);
  for (const policies::EgressRule& rule : listen->rules) {
    if (!policies::Covers(rule.to, *point)) continue;
    return absl::StrCat(text, rule.allow ? "allowed" : "EPERM", "  (", PlaceOf(layer, rule.at),
                        ": ", EgressRuleWords(rule), ")\n    ", rule.reason, "\n");
  }
  return absl::StrCat(text, listen->otherwise_allow ? "allowed" : "EPERM", "  (",
                      PlaceOf(layer, listen->at), ": otherwise)\n");
}

// Each kind of access is decided by the first rule that has it.
absl::StatusOr<std::string> ExplainDevice(const Policy& policy, const std::string& words) {
  const auto device = policies::ParseDevice(words);
  if (!device.ok()) return NotUnderstood(std::string(device.status().message()));
  std::string text = absl::StrCat("device ", words, ":\n");
  const policies::Devices* devices = policy.devices();
  if (devices == nullptr) {
    return text + "  no layer has \"devices\"; linux.resources.devices of the config decides\n";
  }
  const Layer& layer = LayerWith(policy, &Layer::devices);
  unsigned open = policies::AccessBits(*device);
  for (const policies::DeviceRule& rule : devices->rules) {
    if (!policies::Covers(rule, *device) || (policies::AccessBits(rule) & open) == 0) continue;
    open &= ~policies::AccessBits(rule);
    absl::StrAppend(&text, "  ", rule.allow ? "allowed" : "EPERM", "  (", PlaceOf(layer, rule.at),
                    ": ", DeviceRuleWords(rule), ")\n    ", rule.reason, "\n");
    if (open == 0) return text;
  }
  return absl::StrCat(text, "  ", devices->otherwise_allow ? "allowed" : "EPERM", "  (",
                      PlaceOf(layer, devices->at), ": otherwise)\n");
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
  if (verb == "listen" && question.size() == 3 && question[1] == "on") {
    return ExplainListen(policy, question[2]);
  }
  if (verb == "device" && question.size() > 1) {
    return ExplainDevice(policy, absl::StrJoin(question.begin() + 1, question.end(), " "));
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
