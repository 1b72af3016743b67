// What the policy and the table have a call answered with, however it came.
#ifndef MOAT_SENTRY_ANSWER_H_
#define MOAT_SENTRY_ANSWER_H_

#include <optional>

#include "sentry/call.h"
#include "sentry/syscalls/call_policy.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {

// As the policy's line asks for.
Outcome AnswerByLine(Call& call, const Entry& entry, const PolicyLine& line);
// The same with the line that decides; nothing when that has the filter let the call run, or kill.
std::optional<Outcome> AnswerIfAsked(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_ANSWER_H_
