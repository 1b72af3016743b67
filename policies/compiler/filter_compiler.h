// Turns a FilterSpec into the classic BPF program that seccomp(2) takes.
//
// The program: architecture, x32, then a binary search over ranges of numbers with equal rules;
// arguments are loaded only behind the numbers that have cases. So the kernel can prove that an
// unconditional allow needs no run of the program and answers it from its bitmap (kernel/seccomp.c:
// seccomp_cache_prepare_filter).
#ifndef MOAT_POLICIES_COMPILER_FILTER_COMPILER_H_
#define MOAT_POLICIES_COMPILER_FILTER_COMPILER_H_

#include <linux/filter.h>

#include <vector>

#include "absl/status/statusor.h"
#include "policies/compiler/filter_spec.h"

namespace moat::policies {

// Pure; any thread. InvalidArgument names the rule: a number twice or out of range, an argument
// index, an errno, a value outside its mask, or a program above BPF_MAXINSNS (4096).
absl::StatusOr<std::vector<sock_filter>> Compile(const FilterSpec& spec);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_COMPILER_FILTER_COMPILER_H_
