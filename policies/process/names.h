// What the files policies/{sentry,gofer}.json call system calls and constants.
#ifndef MOAT_POLICIES_PROCESS_NAMES_H_
#define MOAT_POLICIES_PROCESS_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moat::policies {

// The number of a call on x86-64: Linux's own, or "moat_pass_turn" (base/turns.h).
std::optional<int> CallNumber(const std::string& name);

// The value of a constant of the kernel's headers, of those that the files need.
std::optional<uint32_t> ConstantValue(absl::string_view name);

// "EPERM" to its number; only those that a filter answers with.
std::optional<int> ErrnoNumber(absl::string_view name);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_PROCESS_NAMES_H_
