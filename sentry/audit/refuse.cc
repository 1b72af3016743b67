#include "sentry/audit/refuse.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "sentry/container.h"
#include "sentry/syscalls/loosening.h"

namespace moat::sentry {
namespace {

std::string HowToAllow(const Entry& entry, const std::string& rule) {
  if (rule != "table") return absl::StrCat("by a policy without this rule");
  if (MayLoosen(entry, {}).ok()) {
    return absl::StrCat("by a policy with {\"calls\": [\"", entry.name,
                        "\"], \"action\": \"native\", \"loosen\": \"why\"}");
  }
  if (MayLoosenSome(entry)) {
    return "by a policy with \"loosen\", and \"when\" for these arguments";
  }
  return "not by any policy";
}

}  // namespace

std::vector<std::string> RawArguments(const Call& call) {
  std::vector<std::string> arguments;
  for (const uint64_t argument : call.trap().args) {
    arguments.push_back(absl::StrCat("0x", absl::Hex(argument)));
  }
  return arguments;
}

void RecordRefusal(Call& call, const Entry& entry, const std::string& rule,
                   const std::string& reason, Errno answer,
                   const std::vector<std::string>& arguments) {
  Audit* audit = call.container().audit.get();
  if (audit == nullptr || !audit->Wants(std::string(entry.name), rule)) return;
  const auto task = call.Task();
  audit->Record({task.ok() ? (*task)->vtid : 0, std::string(entry.name), arguments,
                 answer.value() == 0 ? "native" : ErrnoName(answer.value()), rule, reason,
                 HowToAllow(entry, rule)},
                absl::Now());
}

Outcome Refuse(Call& call, const Entry& entry, const PolicyLine& line) {
  if (line.action.error == 0) return Value{0};
  const Errno answer(line.action.error);
  RecordRefusal(call, entry, line.rule, line.reason, answer, RawArguments(call));
  return answer;
}

}  // namespace moat::sentry
