// The seccomp filter that the table stands for.
#ifndef MOAT_SENTRY_SYSCALLS_FILTER_H_
#define MOAT_SENTRY_SYSCALLS_FILTER_H_

#include "policies/compiler/filter_spec.h"

namespace moat::sentry {

// One rule a line. Numbers without a line get ENOSYS. The cookie is the caller's to set.
policies::FilterSpec DefaultFilterSpec();

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_FILTER_H_
