#include "policies/process/policy_file.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "policies/process/names.h"

namespace moat::policies {
namespace {

using nlohmann::json;

absl::Status Fault(const std::string& problem) { return absl::InvalidArgumentError(problem); }

absl::Status CheckKeys(const json& object, const std::set<std::string>& known) {
  if (!object.is_object()) return Fault("is no object");
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) == 0) return Fault(absl::StrCat("unknown key \"", key, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Strings(const json& object, const char* key) {
  const json list = object.value(key, json::array());
  const auto is_string = [](const json& item) { return item.is_string(); };
  if (!list.is_array() || list.empty() || !std::all_of(list.begin(), list.end(), is_string)) {
    return Fault(absl::StrCat("\"", key, "\" is no list of names"));
  }
  return list.get<std::vector<std::string>>();
}

absl::StatusOr<uint32_t> Constant(const std::string& name) {
  const auto value = ConstantValue(name);
  if (!value) return Fault(absl::StrCat("unknown constant ", name));
  return *value;
}

// The conditions of which one has to hold: a bit mask is one, a list of values one for each.
absl::StatusOr<std::vector<Condition>> ParseAlternatives(const json& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"argument", "is", "lacks"}));
  const json argument = object.value("argument", json());
  if (!argument.is_number_unsigned()) return Fault("\"argument\" is no number");
  const int index = argument.get<int>();
  if (object.contains("is") == object.contains("lacks")) {
    return Fault("a condition has either \"is\" or \"lacks\"");
  }
  const char* const key = object.contains("is") ? "is" : "lacks";
  ASSIGN_OR_RETURN(const auto names, Strings(object, key));
  std::vector<Condition> alternatives;
  uint64_t bits = 0;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const uint32_t value, Constant(name));
    bits |= value;
    alternatives.push_back(Arg32(index, Compare::kEqual, value));
  }
  if (object.contains("lacks")) return std::vector<Condition>{NoBit(index, bits)};
  return alternatives;
}

// Every way to take one condition of each group.
absl::StatusOr<std::vector<Case>> ParseCases(const json& when) {
  if (!when.is_array() || when.empty()) return Fault("\"when\" is no list of conditions");
  std::vector<Case> cases = {{{}, Action::Allow()}};
  for (const json& object : when) {
    ASSIGN_OR_RETURN(const auto alternatives, ParseAlternatives(object));
    std::vector<Case> longer;
    for (const Case& one : cases) {
      for (const Condition& condition : alternatives) {
        longer.push_back(one);
        longer.back().all.push_back(condition);
      }
    }
    cases = std::move(longer);
  }
  return cases;
}

// What one rule of the file says of each of its calls.
struct Meaning {
  std::vector<std::string> calls;
  Action action = Action::KillProcess();  // when no case applies
  std::vector<Case> cases;
};

absl::StatusOr<Meaning> ParseRule(const json& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"allow", "refuse", "errno", "when", "reason", "build"}));
  if (!object.value("reason", json()).is_string()) return Fault("has no \"reason\"");
  Meaning meaning;
  if (object.contains("refuse")) {
    if (object.contains("allow") || object.contains("when")) {
      return Fault("\"refuse\" goes with \"errno\" alone");
    }
    ASSIGN_OR_RETURN(meaning.calls, Strings(object, "refuse"));
    const auto error = ErrnoNumber(object.value("errno", ""));
    if (!error) return Fault("\"errno\" is no name of an error");
    meaning.action = Action::Error(*error);
    return meaning;
  }
  ASSIGN_OR_RETURN(meaning.calls, Strings(object, "allow"));
  if (!object.contains("when")) {
    meaning.action = Action::Allow();
    return meaning;
  }
  ASSIGN_OR_RETURN(meaning.cases, ParseCases(object["when"]));
  return meaning;
}

// A call may stand in several rules if each of them has conditions.
absl::Status Add(const Meaning& meaning, std::map<int, Rule>& rules) {
  for (const std::string& name : meaning.calls) {
    const auto number = CallNumber(name);
    if (!number) return Fault(absl::StrCat("unknown call ", name));
    const auto [found, is_new] = rules.try_emplace(*number, Rule{*number, meaning.action});
    Rule& rule = found->second;
    if (!is_new && (rule.cases.empty() || meaning.cases.empty())) {
      return Fault(absl::StrCat(name, " has a rule without conditions and another one"));
    }
    rule.cases.insert(rule.cases.end(), meaning.cases.begin(), meaning.cases.end());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Counts(const json& object, bool sanitized) {
  if (!object.is_object() || !object.contains("build")) return true;
  if (object["build"] != "sanitized") return Fault("\"build\" is not \"sanitized\"");
  return sanitized;
}

absl::StatusOr<std::map<int, Rule>> ParseRules(const json& list, bool sanitized) {
  std::map<int, Rule> rules;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto add = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const bool counts, Counts(list[i], sanitized));
      if (!counts) return absl::OkStatus();
      ASSIGN_OR_RETURN(const Meaning meaning, ParseRule(list[i]));
      return Add(meaning, rules);
    };
    RETURN_IF_ERROR(Annotate(add(), absl::StrCat("rules[", i, "]")));
  }
  return rules;
}

}  // namespace

absl::StatusOr<ProcessPolicy> ParseProcessPolicy(const std::string& text, bool sanitized) {
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (file.is_discarded()) return Fault("is no JSON");
  RETURN_IF_ERROR(CheckKeys(file, {"program", "description", "rules"}));
  if (!file.value("program", json()).is_string() || !file.value("rules", json()).is_array()) {
    return Fault("\"program\" or \"rules\" is missing");
  }
  ProcessPolicy policy;
  policy.program = file["program"];
  policy.spec.otherwise = policy.spec.foreign = Action::KillProcess();
  ASSIGN_OR_RETURN(const auto rules, ParseRules(file["rules"], sanitized));
  for (const auto& [number, rule] : rules) {
    if (rule.action == Action::Allow() || !rule.cases.empty()) ++policy.allowed;
    if (!rule.cases.empty()) ++policy.conditional;
    policy.spec.rules.push_back(rule);
  }
  return policy;
}

}  // namespace moat::policies
