// ptrace(2): which requests run.
#include <linux/ptrace.h>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

// Of <sys/ptrace.h> and <asm/ptrace-abi.h>, which can't be had together with <linux/ptrace.h>.
constexpr uint64_t kSingleBlock = 33, kGetFpxRegisters = 18, kSetFpxRegisters = 19, kSysemu = 31,
                   kSysemuSingleStep = 32, kArchPrctl = 30, kGetRegisters = 12, kSetRegisters = 13,
                   kGetFpRegisters = 14, kSetFpRegisters = 15;
constexpr uint64_t kGetRseqConfiguration = 0x420f;
// All but PTRACE_O_SUSPEND_SECCOMP.
constexpr uint64_t kKnownOptions = 0xff | PTRACE_O_EXITKILL;

constexpr Condition kTraceMe[] = {LongIs(0, PTRACE_TRACEME)};
constexpr Condition kAttach[] = {LongIs(0, PTRACE_ATTACH)};
constexpr Condition kSeize[] = {LongIs(0, PTRACE_SEIZE)};
constexpr Condition kOptions[] = {LongIs(0, PTRACE_SETOPTIONS), BitsClear(3, ~kKnownOptions)};

// Missing on purpose: SECCOMP_GET_FILTER and SECCOMP_GET_METADATA (moat's own filter, with its
// cookie), SET_SYSCALL_USER_DISPATCH_CONFIG (takes calls away before the filter sees them).
constexpr uint64_t kNativeRequests[] = {
    PTRACE_PEEKTEXT,      PTRACE_PEEKDATA,    PTRACE_PEEKUSR,    PTRACE_POKETEXT,
    PTRACE_POKEDATA,      PTRACE_POKEUSR,     PTRACE_CONT,       PTRACE_KILL,
    PTRACE_SINGLESTEP,    kSingleBlock,       PTRACE_SYSCALL,    kSysemu,
    kSysemuSingleStep,    PTRACE_DETACH,      kGetRegisters,     kSetRegisters,
    kGetFpRegisters,      kSetFpRegisters,    kGetFpxRegisters,  kSetFpxRegisters,
    kArchPrctl,           PTRACE_GETEVENTMSG, PTRACE_GETSIGINFO, PTRACE_SETSIGINFO,
    PTRACE_GETREGSET,     PTRACE_SETREGSET,   PTRACE_INTERRUPT,  PTRACE_LISTEN,
    PTRACE_PEEKSIGINFO,   PTRACE_GETSIGMASK,  PTRACE_SETSIGMASK, PTRACE_GET_SYSCALL_INFO,
    kGetRseqConfiguration};
constexpr size_t kNativeCount = sizeof(kNativeRequests) / sizeof(kNativeRequests[0]);

constexpr std::array<Condition, kNativeCount> NativeConditions() {
  std::array<Condition, kNativeCount> conditions{};
  for (size_t i = 0; i < kNativeCount; ++i) conditions[i] = LongIs(0, kNativeRequests[i]);
  return conditions;
}
constexpr auto kNativeConditions = NativeConditions();

constexpr std::array<Check, kNativeCount + 4> Requests() {
  std::array<Check, kNativeCount + 4> checks{};
  for (size_t i = 0; i < kNativeCount; ++i) {
    checks[i] = {absl::MakeConstSpan(&kNativeConditions[i], 1), kNative};
  }
  checks[kNativeCount] = {kOptions, kNative};
  checks[kNativeCount + 1] = {kTraceMe, kNotify};
  checks[kNativeCount + 2] = {kAttach, kNotify};
  checks[kNativeCount + 3] = {kSeize, kNotify};
  return checks;
}
constexpr auto kPtrace = Requests();

}  // namespace

absl::Span<const Check> Ptrace() { return kPtrace; }

}  // namespace moat::sentry::checks
