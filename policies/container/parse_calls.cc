#include "policies/container/parse_calls.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "policies/container/constants.h"
#include "policies/container/fields.h"

namespace moat::policies {
namespace {

constexpr size_t kMaxWays = 256;
constexpr int kArguments = 6;
constexpr uint64_t kLow = 0xffffffff;

// One test of an argument, as alternatives of which one has to hold.
class Test {
 public:
  Test(int index, bool wide) : index_(index), mask_(wide ? ~uint64_t{0} : kLow) {}

  absl::Status Add(absl::string_view key, const JsonValue& value);
  std::vector<Condition> Take() && { return std::move(alternatives_); }

 private:
  absl::StatusOr<uint64_t> Bits(const JsonValue& list) const;
  absl::StatusOr<uint64_t> Fitting(const JsonValue& value) const;

  const int index_;
  const uint64_t mask_;
  std::vector<Condition> alternatives_;
};

absl::StatusOr<uint64_t> Test::Fitting(const JsonValue& value) const {
  ASSIGN_OR_RETURN(const uint64_t number, NumberOrName(value));
  if ((number & ~mask_) != 0) {
    return FaultAt(value.at, "has more than 32 bits: say \"bits\": 64 if the kernel takes them");
  }
  return number;
}

absl::StatusOr<uint64_t> Test::Bits(const JsonValue& list) const {
  RETURN_IF_ERROR(Expect(list, JsonValue::Kind::kArray, "a list of bits"));
  uint64_t bits = 0;
  for (const JsonValue& item : list.items) {
    ASSIGN_OR_RETURN(const uint64_t bit, Fitting(item));
    bits |= bit;
  }
  if (bits == 0) return FaultAt(list.at, "names no bit");
  return bits;
}

absl::Status Test::Add(absl::string_view key, const JsonValue& value) {
  if (key == "is") {
    RETURN_IF_ERROR(Expect(value, JsonValue::Kind::kArray, "\"is\""));
    for (const JsonValue& item : value.items) {
      ASSIGN_OR_RETURN(const uint64_t number, Fitting(item));
      alternatives_.push_back({index_, mask_, Compare::kEqual, number});
    }
    if (alternatives_.empty()) return FaultAt(value.at, "\"is\" is empty");
  } else if (key == "is_not") {
    ASSIGN_OR_RETURN(const uint64_t number, Fitting(value));
    alternatives_.push_back({index_, mask_, Compare::kNotEqual, number});
  } else if (key == "has") {
    ASSIGN_OR_RETURN(const uint64_t bits, Bits(value));
    alternatives_.push_back({index_, bits, Compare::kEqual, bits});
  } else if (key == "lacks") {
    ASSIGN_OR_RETURN(const uint64_t bits, Bits(value));
    alternatives_.push_back(NoBit(index_, bits));
  } else if (key == "has_any") {
    ASSIGN_OR_RETURN(const uint64_t bits, Bits(value));
    alternatives_.push_back(AnyBit(index_, bits));
  } else {
    ASSIGN_OR_RETURN(const uint64_t number, Fitting(value));
    const Compare compare = key == "below" ? Compare::kLess : Compare::kGreaterEqual;
    alternatives_.push_back({index_, mask_, compare, number});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Condition>> ParseTest(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"argument", "bits", "is", "is_not", "has", "has_any", "lacks",
                                     "below", "at_least"}));
  const JsonValue* argument = object.Find("argument");
  const auto index = argument != nullptr ? argument->AsUnsigned() : std::nullopt;
  if (!index || *index >= kArguments) {
    return FaultAt(argument != nullptr ? argument->at : object.at,
                   "\"argument\" is a number from 0 to 5");
  }
  const JsonValue* bits = object.Find("bits");
  const auto width = bits != nullptr ? bits->AsUnsigned() : std::optional<uint64_t>(32);
  if (!width || (*width != 32 && *width != 64)) return FaultAt(bits->at, "\"bits\" is 32 or 64");
  Test test(static_cast<int>(*index), *width == 64);
  int tests = 0;
  for (const JsonMember& member : object.members) {
    if (member.key == "argument" || member.key == "bits") continue;
    if (++tests > 1) return FaultAt(member.at, "one test an entry: write a second entry");
    RETURN_IF_ERROR(test.Add(member.key, member.value));
  }
  if (tests == 0) return FaultAt(object.at, "tests nothing: is, is_not, has, has_any, lacks, ...");
  return std::move(test).Take();
}

// Every way to take one alternative of each test.
absl::StatusOr<std::vector<std::vector<Condition>>> ParseWhen(const JsonValue& list) {
  RETURN_IF_ERROR(Expect(list, JsonValue::Kind::kArray, "\"when\""));
  if (list.items.empty()) return FaultAt(list.at, "\"when\" is empty");
  std::vector<std::vector<Condition>> ways(1);
  for (const JsonValue& object : list.items) {
    ASSIGN_OR_RETURN(const auto alternatives, ParseTest(object));
    std::vector<std::vector<Condition>> longer;
    for (const auto& way : ways) {
      for (const Condition& condition : alternatives) {
        longer.push_back(way);
        longer.back().push_back(condition);
      }
    }
    if (longer.size() > kMaxWays) return FaultAt(object.at, "too many combinations of values");
    ways = std::move(longer);
  }
  return ways;
}

absl::StatusOr<Action> ParseAction(const JsonValue& object) {
  ASSIGN_OR_RETURN(const std::string name, StringField(object, "action", Presence::kRequired));
  const JsonValue* error = object.Find("errno");
  if (name == "errno") {
    ASSIGN_OR_RETURN(const std::string text, StringField(object, "errno", Presence::kRequired));
    const auto number = PolicyErrno(text);
    if (!number) return FaultAt(error->at, absl::StrCat("\"", text, "\" is no error"));
    return Action::Error(*number);
  }
  if (error != nullptr) return FaultAt(error->at, "\"errno\" goes with \"action\": \"errno\"");
  if (name == "native") return Action::Allow();
  if (name == "sentry") return Action::Notify();
  if (name == "kill") return Action::KillProcess();
  return FaultAt(object.Find("action")->at,
                 absl::StrCat("\"", name, "\" is no action: native, sentry, errno or kill"));
}

}  // namespace

absl::StatusOr<CallRule> ParseCallRule(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"calls", "action", "errno", "when", "reason", "loosen"}));
  CallRule rule;
  rule.at = object.at;
  ASSIGN_OR_RETURN(const auto names, ListField(object, "calls"));
  for (const JsonValue& name : names) {
    RETURN_IF_ERROR(Expect(name, JsonValue::Kind::kString, "the name of a call"));
    rule.calls.push_back({name.text, name.at});
  }
  ASSIGN_OR_RETURN(rule.action, ParseAction(object));
  if (const JsonValue* when = object.Find("when")) {
    ASSIGN_OR_RETURN(rule.when, ParseWhen(*when));
  }
  ASSIGN_OR_RETURN(rule.loosen, StringField(object, "loosen", Presence::kOptional));
  const Presence reason = rule.loosen.empty() ? Presence::kRequired : Presence::kOptional;
  ASSIGN_OR_RETURN(rule.reason, StringField(object, "reason", reason));
  return rule;
}

}  // namespace moat::policies
