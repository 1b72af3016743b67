// Parts of a policy in words, for explain, show and diff.
#ifndef MOAT_RUNTIME_POLICY_WORDS_H_
#define MOAT_RUNTIME_POLICY_WORDS_H_

#include <string>

#include "policies/compiler/filter_spec.h"
#include "policies/container/policy.h"
#include "sentry/syscalls/call_policy.h"

namespace moat::policy {

std::string ActionWords(const policies::Action& action);  // "native", "EPERM", "killed", ...
std::string ConditionWords(const policies::Condition& condition);  // "argument 1 is 0x5401"
std::string LineWords(const sentry::PolicyLine& line);             // "EPERM if argument ... (rule)"
std::string FileRuleWords(const policies::FileRule& rule);
std::string EgressRuleWords(const policies::EgressRule& rule);
std::string DeviceRuleWords(const policies::DeviceRule& rule);

}  // namespace moat::policy

#endif  // MOAT_RUNTIME_POLICY_WORDS_H_
