// What a system call filter shall do, as plain data. Made from the sentry's system call table;
// turned into BPF by filter_compiler.h.
//
//   FilterSpec spec;
//   spec.cookie = cookie;
//   spec.rules = {
//       {.nr = __NR_read, .action = Action::Allow()},
//       {.nr = __NR_openat, .action = Action::Notify()},
//       // socket(2): local and internet families run natively, any other is refused.
//       {.nr = __NR_socket,
//        .action = Action::Error(EAFNOSUPPORT),
//        .cases = {{{Arg32(0, Compare::kEqual, AF_UNIX)}, Action::Allow()},
//                  {{Arg32(0, Compare::kEqual, AF_INET)}, Action::Allow()}}},
//   };
#ifndef MOAT_POLICIES_COMPILER_FILTER_SPEC_H_
#define MOAT_POLICIES_COMPILER_FILTER_SPEC_H_

#include <cerrno>
#include <cstdint>
#include <vector>

namespace moat::policies {

struct Action {
  // From the weakest to the strongest, as the kernel ranks them (seccomp(2)); kErrno is stronger
  // than kNotify: of two filters on one task the stronger answer counts.
  enum class Kind { kAllow, kLog, kNotify, kErrno, kTrap, kKillThread, kKillProcess };
  Kind kind = Kind::kErrno;
  int error = ENOSYS;  // kErrno only; 0 (the call is skipped and succeeds) to 4095

  static constexpr Action Allow() { return {Kind::kAllow, 0}; }
  static constexpr Action Error(int error) { return {Kind::kErrno, error}; }
  static constexpr Action Notify() { return {Kind::kNotify, 0}; }
  static constexpr Action Log() { return {Kind::kLog, 0}; }
  static constexpr Action Trap() { return {Kind::kTrap, 0}; }
  static constexpr Action KillThread() { return {Kind::kKillThread, 0}; }
  static constexpr Action KillProcess() { return {Kind::kKillProcess, 0}; }
  friend constexpr bool operator==(const Action&, const Action&) = default;
};

enum class Compare { kEqual, kNotEqual, kLess, kGreaterEqual };  // unsigned

// Holds when (argument & mask) <compare> value. `value` must lie within `mask`.
struct Condition {
  int index = 0;  // of the argument, 0 to 5
  uint64_t mask = ~uint64_t{0};
  Compare compare = Compare::kEqual;
  uint64_t value = 0;
};

// For arguments that the kernel takes as int or unsigned: it drops the upper half, so must the
// filter, or the workload chooses whether a condition matches.
constexpr Condition Arg32(int index, Compare compare, uint32_t value) {
  return {index, 0xffffffff, compare, value};
}
// For arguments that the kernel takes as long, size_t or a pointer.
constexpr Condition Arg64(int index, Compare compare, uint64_t value) {
  return {index, ~uint64_t{0}, compare, value};
}
// Whether any, or none, of `bits` is set.
constexpr Condition AnyBit(int index, uint64_t bits) {
  return {index, bits, Compare::kNotEqual, 0};
}
constexpr Condition NoBit(int index, uint64_t bits) { return {index, bits, Compare::kEqual, 0}; }

// `action` applies when every condition holds.
struct Case {
  std::vector<Condition> all;
  Action action;
};

struct Rule {
  int nr = -1;                   // any number below 0x40000000, known to Linux or not
  Action action;                 // when no case applies
  std::vector<Case> cases = {};  // the first that applies wins
};

// Numbers without a rule get `otherwise`.
struct FilterSpec {
  std::vector<Rule> rules;  // at most one per number
  Action otherwise = Action::Error(ENOSYS);
  // Of other architectures (int 0x80, 32-bit code) and of the x32 ABI (numbers from 0x40000000).
  // ENOSYS, as on a kernel built without them: a probing program goes on and nothing reaches the
  // kernel.
  Action foreign = Action::Error(ENOSYS);
  // A call of `cookie_calls` whose sixth argument is the cookie is allowed before its rule is
  // asked: that is how a session's own execveat, chroot, fchdir, ptrace, connect
  // and capset get through (platform/platform.h). All ignore the sixth argument. 0: no such door.
  uint64_t cookie = 0;
  std::vector<int> cookie_calls = {322 /* execveat */, 161 /* chroot */, 81 /* fchdir */,
                                   101 /* ptrace */,   42 /* connect */, 126 /* capset */};
};

}  // namespace moat::policies

#endif  // MOAT_POLICIES_COMPILER_FILTER_SPEC_H_
