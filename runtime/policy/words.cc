#include "runtime/policy/words.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace moat::policy {
namespace {

constexpr uint64_t kLow = 0xffffffff;

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value)); }

std::string RangeWords(const policies::Destination& range) {
  const bool v4 = policies::IsV4(range.address) && range.prefix >= 96;
  return absl::StrCat(policies::AddressText(range.address), "/", range.prefix - (v4 ? 96 : 0));
}

bool IsWhole(uint64_t mask) { return mask == kLow || mask == ~uint64_t{0}; }

}  // namespace

std::string ActionWords(const policies::Action& action) {
  using Kind = policies::Action::Kind;
  if (action.kind == Kind::kAllow) return "native";
  if (action.kind == Kind::kNotify) return "sentry";
  if (action.kind == Kind::kErrno) {
    return action.error == 0 ? "skipped" : ErrnoName(action.error);
  }
  return "killed";
}

std::string ConditionWords(const policies::Condition& condition) {
  const std::string argument = absl::StrCat("argument ", condition.index);
  switch (condition.compare) {
    case policies::Compare::kLess:
      return absl::StrCat(argument, " is below ", Hex(condition.value));
    case policies::Compare::kGreaterEqual:
      return absl::StrCat(argument, " is at least ", Hex(condition.value));
    case policies::Compare::kNotEqual:
      if (IsWhole(condition.mask)) return absl::StrCat(argument, " is not ", Hex(condition.value));
      return absl::StrCat(argument, " & ", Hex(condition.mask), " is not ", Hex(condition.value));
    case policies::Compare::kEqual:
      break;
  }
  if (IsWhole(condition.mask)) return absl::StrCat(argument, " is ", Hex(condition.value));
  return absl::StrCat(argument, " & ", Hex(condition.mask), " is ", Hex(condition.value));
}

std::string LineWords(const sentry::PolicyLine& line) {
  std::string words = ActionWords(line.action);
  if (!line.all.empty()) {
    absl::StrAppend(&words, " if ",
                    absl::StrJoin(line.all, " and ",
                                  [](std::string* out, const policies::Condition& condition) {
                                    absl::StrAppend(out, ConditionWords(condition));
                                  }));
  }
  return absl::StrCat(words, "  (", line.rule, line.loosens ? ", loosened" : "", ")");
}

std::string FileRuleWords(const policies::FileRule& rule) {
  using Kind = policies::FileRule::Kind;
  const char* const kind = rule.kind == Kind::kHide   ? "hidden"
                           : rule.kind == Kind::kDeny ? "denied"
                                                      : "read-only";
  return absl::StrCat(rule.path, " ", kind, rule.optional ? ", if it is there" : "");
}

std::string EgressRuleWords(const policies::EgressRule& rule) {
  std::string words = absl::StrCat(rule.allow ? "allow " : "deny ", rule.text);
  const char* before = " within ";
  for (const policies::Destination& range : rule.within) {
    absl::StrAppend(&words, std::exchange(before, " "), RangeWords(range));
  }
  return words;
}

std::string DeviceRuleWords(const policies::DeviceRule& rule) {
  return absl::StrCat(rule.allow ? "allow " : "deny ", rule.text);
}

}  // namespace moat::policy
