// Refusing a call as the policy says, and recording it.
#ifndef MOAT_SENTRY_AUDIT_REFUSE_H_
#define MOAT_SENTRY_AUDIT_REFUSE_H_

#include <string>

#include "sentry/call.h"
#include "sentry/syscalls/call_policy.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {

// The errno of `line`, or success for one that skips the call.
Outcome Refuse(Call& call, const Entry& entry, const PolicyLine& line);

// A refusal that a handler found out. `arguments`: what it was decided on.
void RecordRefusal(Call& call, const Entry& entry, const std::string& rule,
                   const std::string& reason, Errno answer,
                   const std::vector<std::string>& arguments);

// The six arguments as hexadecimal numbers.
std::vector<std::string> RawArguments(const Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_AUDIT_REFUSE_H_
