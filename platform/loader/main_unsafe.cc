// moat-loader, the stub: see platform/loader/plan.h for what it does and docs/ARCHITECTURE.md,
// "exec", for why.
//
// It runs in every process of the workload before the real program, in the workload's own trust. No
// C library, no writable data, no relocations: the kernel maps it and it runs. It keeps to the
// stack that the kernel gave, of which it uses 32 KiB.
#include <asm-generic/errno-base.h>
#include <asm/unistd_64.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#include <cstdint>

#include "platform/loader/map_elf_unsafe.h"
#include "platform/loader/plan.h"
#include "platform/loader/plan_strings.h"
#include "platform/loader/raw_syscall_unsafe.h"

namespace moat::loader {
namespace {

constexpr int kSigkill = 9;
constexpr int kExitNotFound = 127;  // as a shell says it
constexpr char kWhatThisIs[] =
    "moat-loader: a part of moat that its sandbox enters at the start of each program; it does "
    "nothing when run by itself\n";

struct AuxiliaryEntry {
  uint64_t type, value;
};

// The stack that the kernel starts a program with (System V ABI for AMD64, 3.4.1).
class InitialStack {
 public:
  explicit InitialStack(uint64_t* top) : top_(top) {}

  uint64_t argument_count() const { return top_[0]; }
  const char** arguments() const { return reinterpret_cast<const char**>(top_ + 1); }
  const char** environment() const { return arguments() + argument_count() + 1; }

  void SetAuxiliary(uint64_t type, uint64_t value) const {
    for (auto* entry = auxiliary(); entry->type != AT_NULL; ++entry) {
      if (entry->type == type) entry->value = value;
    }
  }
  // 0 when there is none.
  uint64_t Auxiliary(uint64_t type) const {
    for (auto* entry = auxiliary(); entry->type != AT_NULL; ++entry) {
      if (entry->type == type) return entry->value;
    }
    return 0;
  }

 private:
  AuxiliaryEntry* auxiliary() const {
    const char** end = environment();
    while (*end) ++end;
    return reinterpret_cast<AuxiliaryEntry*>(end + 1);
  }

  uint64_t* top_;
};

// The program that was here before is gone, so there is nobody to report an error to. The kernel
// kills a process whose exec fails beyond that point.
[[noreturn]] void Die() {
  Syscall(__NR_kill, Syscall(__NR_getpid), kSigkill);
  for (;;) Syscall(__NR_exit_group, kExitNotFound);
}

[[noreturn]] void ExplainAndExit() {
  Syscall(__NR_write, 2, kWhatThisIs, sizeof(kWhatThisIs) - 1);
  for (;;) Syscall(__NR_exit_group, kExitNotFound);
}

// Copies the name of the executed file to memory that stays for the life of the program.
void SetExecName(const InitialStack& stack, const Plan& plan) {
  const long memory = Syscall(__NR_mmap, 0L, plan.exec_name_size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  if (memory < 0 && memory >= -4095) Die();
  auto* name = reinterpret_cast<volatile char*>(memory);
  for (uint32_t i = 0; i < plan.exec_name_size; ++i) name[i] = plan.strings[i];
  stack.SetAuxiliary(AT_EXECFN, static_cast<uint64_t>(memory));
}

// Enters a program as the kernel would: its stack, and zero in every other register.
[[noreturn]] void Enter(uint64_t* top, uint64_t entry) {
  __asm__ volatile(
      "mov %[top], %%rsp\n\t"
      "mov %[entry], -8(%%rsp)\n\t"
      "xor %%eax, %%eax\n\t"
      "xor %%ebx, %%ebx\n\t"
      "xor %%ecx, %%ecx\n\t"
      "xor %%edx, %%edx\n\t"
      "xor %%esi, %%esi\n\t"
      "xor %%edi, %%edi\n\t"
      "xor %%ebp, %%ebp\n\t"
      "xor %%r8d, %%r8d\n\t"
      "xor %%r9d, %%r9d\n\t"
      "xor %%r10d, %%r10d\n\t"
      "xor %%r11d, %%r11d\n\t"
      "xor %%r12d, %%r12d\n\t"
      "xor %%r13d, %%r13d\n\t"
      "xor %%r14d, %%r14d\n\t"
      "xor %%r15d, %%r15d\n\t"
      "jmp *-8(%%rsp)\n\t"
      :
      : [top] "a"(top), [entry] "d"(entry)
      : "memory");
  __builtin_unreachable();
}

[[noreturn]] void RunInterpreter(uint64_t* top, const Plan& plan) {
  const InitialStack stack(top);
  const MappedElf interpreter = MapElf(plan.fd);
  if (!interpreter.ok) Die();
  Syscall(__NR_close, plan.fd);
  stack.SetAuxiliary(AT_BASE, interpreter.bias);
  if (plan.exec_name_size > 0) SetExecName(stack, plan);
  if (plan.comm[0] != '\0') Syscall(__NR_prctl, PR_SET_NAME, plan.comm);
  Enter(top, interpreter.entry);
}

// The prefix takes the place of argv[0] and what lies before it: Start left room for it there, so
// that an argument list of any length need not be copied.
[[noreturn]] void RunScript(uint64_t* top, const Plan& plan) {
  const InitialStack stack(top);
  const char** environment = stack.environment();
  const uint64_t secure = stack.Auxiliary(AT_SECURE);  // before the prefix hides the way there
  const uint64_t dropped = stack.argument_count() > 0 ? 1 : 0;
  const char** arguments = stack.arguments() + dropped - plan.prefix_count;
  SplitPrefix(plan, arguments);
  Syscall(__NR_execveat, kScriptProgram, "", arguments, environment, AT_EMPTY_PATH, secure);
  Die();
}

[[noreturn]] void RunSetId(uint64_t* top) {
  const InitialStack stack(top);
  Syscall(__NR_execveat, kScriptProgram, "", stack.arguments(), stack.environment(), AT_EMPTY_PATH,
          stack.Auxiliary(AT_SECURE));
  Die();
}

[[noreturn]] void ReportAndExit(JoinStep step, long error) {
  Syscall(kPlanCall, static_cast<uint32_t>(step), 0, error);
  for (;;) Syscall(__NR_exit_group, kExitNotFound);
}

// As execvp(3): a name that leads to nothing or to something that may not be executed is passed
// over, and the latter is what is reported when no other is left.
[[noreturn]] void RunJoin(uint64_t* top, const Plan& plan) {
  const InitialStack stack(top);
  const char* text = &plan.strings[plan.exec_name_size];
  if (const long result = Syscall(__NR_chdir, text); result != 0) {
    ReportAndExit(JoinStep::kChangeDirectory, -result);
  }
  long error = ENOENT;
  for (uint32_t i = 1; i < plan.prefix_count; ++i) {
    text = NextString(text);
    const long result = Syscall(__NR_execve, text, stack.arguments(), stack.environment());
    if (result == -ENOENT || result == -ENOTDIR) continue;
    error = -result;
    if (result != -EACCES) break;
  }
  ReportAndExit(JoinStep::kExecute, error);
}

}  // namespace

// The sentry's write does not grow the stack (process_vm_writev(2) since Linux 6.5); our own does,
// down to its lowest byte at once. Most plans are short: the pages between are left to the write.
void MakeRoom(Plan& plan) { *reinterpret_cast<volatile char*>(&plan) = 0; }

// `top`: the stack pointer at entry; kMaxPrefix words below it are free.
extern "C" [[noreturn]] void LoaderMain(uint64_t* top) {
  Plan plan;
  MakeRoom(plan);
  if (Syscall(kPlanCall, &plan, sizeof(plan)) != 0) ExplainAndExit();
  if (!WellFormed(plan)) Die();
  if (plan.kind == PlanKind::kScript) RunScript(top, plan);
  if (plan.kind == PlanKind::kSetId) RunSetId(top);
  if (plan.kind == PlanKind::kJoin) RunJoin(top, plan);
  RunInterpreter(top, plan);
}

static_assert(kMaxPrefix * sizeof(uint64_t) == 256, "the room that _start leaves");
__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start, @function\n"
    "_start:\n\t"
    "xor %ebp, %ebp\n\t"
    "mov %rsp, %rdi\n\t"
    "sub $256, %rsp\n\t"
    "and $-16, %rsp\n\t"
    "call LoaderMain\n\t"
    "hlt\n"
    ".size _start, . - _start\n");

}  // namespace moat::loader
