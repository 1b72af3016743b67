// Takes a plan's strings apart; shared by the stub and its unit test. No C++ library in here.
#ifndef MOAT_PLATFORM_LOADER_PLAN_STRINGS_H_
#define MOAT_PLATFORM_LOADER_PLAN_STRINGS_H_

#include <cstdint>

#include "platform/loader/plan.h"

namespace moat::loader {

// How many strings a script's plan may put before the arguments. Linux nests "#!" four deep, each
// with one argument, and adds the script's name: 11.
inline constexpr uint32_t kMaxPrefix = 32;

// Whether sizes and counts of `plan` agree with each other, and every string ends in a NUL inside.
constexpr bool WellFormed(const Plan& plan) {
  if (plan.version != kPlanVersion) return false;
  const bool joins = plan.kind == PlanKind::kJoin;
  if (plan.kind != PlanKind::kInterpreter && plan.kind != PlanKind::kScript &&
      plan.kind != PlanKind::kSetId && !joins) {
    return false;
  }
  if (plan.kind == PlanKind::kInterpreter ? plan.fd < 0 : plan.fd != -1) return false;
  if (plan.strings_size > kMaxStrings || plan.exec_name_size > plan.strings_size) return false;
  if (plan.exec_name_size > 0 && plan.strings[plan.exec_name_size - 1] != '\0') return false;
  if (plan.comm[sizeof(plan.comm) - 1] != '\0') return false;
  if (plan.kind == PlanKind::kScript && plan.prefix_count == 0) return false;
  if (joins ? plan.prefix_count < 2 : plan.prefix_count > kMaxPrefix) return false;
  uint32_t ends = 0;
  for (uint32_t i = plan.exec_name_size; i < plan.strings_size; ++i)
    ends += plan.strings[i] == '\0';
  return ends >= plan.prefix_count;
}

// The string after `text`, which is in a well-formed plan and not its last.
constexpr const char* NextString(const char* text) {
  while (*text != '\0') ++text;
  return text + 1;
}

// Writes the addresses of the prefix strings to `out[0 .. plan.prefix_count)`. Precondition:
// WellFormed(plan).
constexpr void SplitPrefix(const Plan& plan, const char** out) {
  uint32_t at = plan.exec_name_size;
  for (uint32_t i = 0; i < plan.prefix_count; ++i) {
    out[i] = &plan.strings[at];
    while (plan.strings[at] != '\0') ++at;
    ++at;
  }
}

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_PLAN_STRINGS_H_
