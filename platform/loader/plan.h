// What the stub (moat-loader) and the sentry say to each other after an exec. Plain data, shared by
// both; no C++ library in here.
//
// The stub makes the call kPlanCall(&plan, sizeof(plan)), a number that Linux does not have and the
// filter always notifies. The sentry takes the plan that EVENT_EXEC armed for the thread group,
// puts `fd` into the task and writes the plan into the task's memory; result 0. Without an armed
// plan the result is -ENOSYS, as for any unknown number, and the stub ends the process.
//
// A process that joins a container (`moat exec`) enters the stub as its first program, with the
// arguments and environment of the wanted one, and gets a plan of kind kJoin. What it can't do it
// reports with kPlanCall(step, 0, errno), step being a JoinStep, and ends.
#ifndef MOAT_PLATFORM_LOADER_PLAN_H_
#define MOAT_PLATFORM_LOADER_PLAN_H_

#include <cstdint>

namespace moat::loader {

// The stub in the root of every task of the workload.
inline constexpr char kStubName[] = "moat-loader";

inline constexpr int kPlanCall = 0x6d6f61;
inline constexpr uint32_t kPlanVersion = 1;
inline constexpr uint32_t kMaxStrings = 24576;

enum class PlanKind : uint32_t {
  // `fd` is the ELF interpreter of the program that the kernel mapped: map it, set AT_BASE,
  // AT_EXECFN and comm, close `fd`, jump to it.
  kInterpreter = 1,
  // The stub is the program itself and is to execute the interpreter program of a script:
  // execveat(kScriptProgram, "", prefix + argv[1..], envp, AT_EMPTY_PATH, AT_SECURE), a mediated
  // call, the last argument being what the kernel has told the stub by that name; the
  // sentry remembers the program, which nobody else gets hold of. argv[0] is dropped. There is no
  // `fd` (-1).
  kScript = 2,
  // The same for a program that is no script: execveat(kScriptProgram, "", argv, envp,
  // AT_EMPTY_PATH, AT_SECURE). The stub has just been given the rights of the program by the
  // kernel, and the exec keeps them (sentry/exec/set_id.h).
  kSetId = 4,
  // The stub is the first program of a process that joins the container. The strings of `prefix`
  // are its working directory and then the names under which its program may be found: chdir(2),
  // execve(name, argv, envp) with each in turn, as execvp(3) does, all ordinary mediated calls.
  // There is no `fd` (-1).
  kJoin = 3,
};

// No descriptor, and none that a program would use by mistake.
inline constexpr int kScriptProgram = -0x6d6f61;

enum class JoinStep : uint32_t { kChangeDirectory = 1, kExecute = 2 };

struct Plan {
  uint32_t version;
  PlanKind kind;
  int32_t fd;
  uint32_t exec_name_size;  // with its NUL; 0: leave AT_EXECFN alone. strings[0 .. exec_name_size)
  uint32_t prefix_count;    // kScript, kJoin: NUL-terminated strings that follow
  char comm[16];            // empty: leave it alone
  uint32_t strings_size;
  char strings[kMaxStrings];
};

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_PLAN_H_
