// BPF for one condition of a FilterSpec.
#ifndef MOAT_POLICIES_COMPILER_CONDITION_CODE_H_
#define MOAT_POLICIES_COMPILER_CONDITION_CODE_H_

#include <linux/filter.h>

#include <vector>

#include "policies/compiler/filter_spec.h"

namespace moat::policies {

// `body`, entered only when `condition` holds; otherwise control goes to the instruction behind it.
// BPF is a 32-bit machine: both halves of the argument are compared, except one that the mask drops
// whole. `body` must return.
std::vector<sock_filter> Guard(const Condition& condition, std::vector<sock_filter> body);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_COMPILER_CONDITION_CODE_H_
