// The pieces that argument checks are made of (argument_checks.h).
#ifndef MOAT_SENTRY_SYSCALLS_CHECK_PARTS_H_
#define MOAT_SENTRY_SYSCALLS_CHECK_PARTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry::checks {

inline constexpr Verdict kNative{Verdict::Kind::kNative};
inline constexpr Verdict kNotify{Verdict::Kind::kNotify};
constexpr Verdict Refuse(int error) { return {Verdict::Kind::kErrno, error}; }

// The kernel takes the argument as an int.
constexpr Condition IntIs(int argument, uint32_t value) { return {argument, 0xffffffff, value}; }
constexpr Condition LongIs(int argument, uint64_t value) { return {argument, ~uint64_t{0}, value}; }
constexpr Condition BitsClear(int argument, uint64_t bits) { return {argument, bits, 0}; }
// An int argument with no bit set but those of `flags`.
constexpr Condition OnlyFlags(int argument, uint32_t flags) {
  return BitsClear(argument, ~flags & 0xffffffff);
}
constexpr Condition IntAtLeast(int argument, uint32_t value) {
  return {argument, 0xffffffff, value, policies::Compare::kGreaterEqual};
}
constexpr Condition IntBelow(int argument, uint32_t value) {
  return {argument, 0xffffffff, value, policies::Compare::kLess};
}

// A list of allowed values of one int argument, as checks.
template <size_t N>
struct AllowList {
  constexpr AllowList(int argument, const uint32_t (&values)[N]) {
    for (size_t i = 0; i < N; ++i) conditions[i] = IntIs(argument, values[i]);
  }
  std::array<Condition, N> conditions{};
};

template <size_t N>
constexpr std::array<Check, N> NativeWhenListed(const AllowList<N>& list) {
  std::array<Check, N> checks{};
  for (size_t i = 0; i < N; ++i) checks[i] = {absl::MakeConstSpan(&list.conditions[i], 1), kNative};
  return checks;
}

// `checks`, and behind them one more.
template <size_t N, size_t M>
constexpr std::array<Check, N + 1> ThenNotify(const std::array<Check, N>& checks,
                                              const Condition (&conditions)[M]) {
  std::array<Check, N + 1> more{};
  for (size_t i = 0; i < N; ++i) more[i] = checks[i];
  more[N] = {absl::MakeConstSpan(conditions, M), kNotify};
  return more;
}

}  // namespace moat::sentry::checks

#endif  // MOAT_SENTRY_SYSCALLS_CHECK_PARTS_H_
