// What the stub (moat-loader) and the sentry say to each other after an exec. Plain data, shared by
// both; no C++ library in here.
//
// The stub makes the call kPlanCall(&plan, sizeof(plan)), a number that Linux does not have and the
// filter always notifies. The sentry takes the plan that EVENT_EXEC armed for the thread group,
// puts `fd` into the task and writes the plan into the task's memory; result 0. Without an armed
// plan the result is -ENOSYS, as for any unknown number, and the stub ends the process.
#ifndef MOAT_PLATFORM_LOADER_PLAN_H_
#define MOAT_PLATFORM_LOADER_PLAN_H_

#include <cstdint>

namespace moat::loader {

inline constexpr int kPlanCall = 0x6d6f61;
inline constexpr uint32_t kPlanVersion = 1;
inline constexpr uint32_t kMaxStrings = 24576;

enum class PlanKind : uint32_t {
  // `fd` is the ELF interpreter of the program that the kernel mapped: map it, set AT_BASE,
  // AT_EXECFN and comm, close `fd`, jump to it.
  kInterpreter = 1,
  // The stub is the program itself and `fd` is the interpreter program of a script: execveat(fd,
  // "", prefix + argv[1..], envp, AT_EMPTY_PATH),
  // an ordinary mediated call. argv[0] is dropped.
  kScript = 2,
};

struct Plan {
  uint32_t version;
  PlanKind kind;
  int32_t fd;
  uint32_t exec_name_size;  // with its NUL; 0: leave AT_EXECFN alone. strings[0 .. exec_name_size)
  uint32_t prefix_count;    // kScript: NUL-terminated strings that follow
  char comm[16];            // empty: leave it alone
  uint32_t strings_size;
  char strings[kMaxStrings];
};

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_PLAN_H_
