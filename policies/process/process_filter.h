// The system call filters of moat's own processes, made from
// policies/{sentry,gofer,resolver}.json when moat is built. A call that is not in the list kills
// the process, which ends the container.
#ifndef MOAT_POLICIES_PROCESS_PROCESS_FILTER_H_
#define MOAT_POLICIES_PROCESS_PROCESS_FILTER_H_

#include <linux/filter.h>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace moat::policies {

absl::Span<const sock_filter> SentryFilter();
absl::Span<const sock_filter> GoferFilter();
absl::Span<const sock_filter> ResolverFilter();

// Puts every thread of the calling process, and all that it starts, under `program`, for good.
// Needs no_new_privs. To be called once everything that the program forbids has been done.
absl::Status ConfineProcess(absl::Span<const sock_filter> program);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_PROCESS_PROCESS_FILTER_H_
