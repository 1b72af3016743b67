// Which calls a policy may allow more of than the table does.
#ifndef MOAT_SENTRY_SYSCALLS_LOOSENING_H_
#define MOAT_SENTRY_SYSCALLS_LOOSENING_H_

#include <vector>

#include "absl/status/status.h"
#include "policies/compiler/filter_spec.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {

// By list, not by what is forbidden: calls of which nothing in docs/THREAT_MODEL.md depends on
// their refusal. `when` as policies::CallRule has it. The error says why not, without a position.
absl::Status MayLoosen(const Entry& entry,
                       const std::vector<std::vector<policies::Condition>>& when);

// Whether there are arguments for which MayLoosen agrees.
bool MayLoosenSome(const Entry& entry);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_LOOSENING_H_
