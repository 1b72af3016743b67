#include "sentry/syscalls/filter.h"

#include "sentry/syscalls/table.h"

namespace moat::sentry {
namespace {

policies::Action ToAction(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::kNative:
      return policies::Action::Allow();
    case Verdict::Kind::kNotify:
      return policies::Action::Notify();
    case Verdict::Kind::kErrno:
      break;
  }
  return policies::Action::Error(verdict.error);
}

policies::Case ToCase(const Check& check) {
  policies::Case result;
  for (const Condition& condition : check.conditions) {
    result.all.push_back(
        {condition.argument, condition.mask, policies::Compare::kEqual, condition.value});
  }
  result.action = ToAction(check.verdict);
  return result;
}

}  // namespace

policies::FilterSpec DefaultFilterSpec() {
  policies::FilterSpec spec;
  for (const Entry& entry : SyscallTable()) {
    policies::Rule rule{.nr = entry.nr, .action = ToAction(entry.otherwise)};
    for (const Check& check : entry.checks) rule.cases.push_back(ToCase(check));
    spec.rules.push_back(std::move(rule));
  }
  return spec;
}

}  // namespace moat::sentry
