#include <sys/syscall.h>

#include "bench/moat_bench/guest/raw_call.h"

namespace moat::bench {
namespace {

constexpr long kX32Bit = 0x40000000;

// Inlined, so that a child of vfork(2) never returns into a frame that it shares with its parent.
[[gnu::always_inline]] inline long Syscall64(long number, long a, long b, long c, long d, long e,
                                             long f) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

[[gnu::always_inline]] inline long Syscall32(long number, long argument, unsigned tag) {
  register long saved_tag asm("r12") = static_cast<long>(tag);
  long result;
  // The sixth argument travels in ebp; the red zone is stepped over before anything is pushed.
  asm volatile(
      "lea -256(%%rsp), %%rsp\n"
      "push %%rbp\n"
      "mov %%r12d, %%ebp\n"
      "int $0x80\n"
      "pop %%rbp\n"
      "lea 256(%%rsp), %%rsp\n"
      : "=a"(result)
      : "a"(number), "b"(argument), "c"(argument), "d"(argument), "S"(argument), "D"(argument),
        "r"(saved_tag)
      : "r8", "r9", "r10", "r11", "memory");
  return static_cast<int>(result);
}

[[gnu::always_inline]] inline void EndIfNewProcess(long self) {
  if (Syscall64(SYS_getpid, 0, 0, 0, 0, 0, 0) == self) return;
  for (;;) Syscall64(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

}  // namespace

long HarmlessCall(Door door, long number, unsigned tag) {
  const long self = Syscall64(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long result;
  if (door == Door::kI386) {
    result = Syscall32(number, 0xffffffffL, tag);
  } else {
    const long bit = door == Door::kX32 ? kX32Bit : 0;
    result = Syscall64(number | bit, -1, -1, -1, -1, -1, static_cast<long>(tag));
  }
  if (result == 0) EndIfNewProcess(self);
  return result;
}

long Call(long number, long a, long b, long c, long d, long e, long f) {
  return Syscall64(number, a, b, c, d, e, f);
}

}  // namespace moat::bench
