// System calls by number through each door that x86-64 has, with harmless arguments.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_RAW_CALL_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_RAW_CALL_H_

namespace moat::bench {

enum class Door { kX8664 = 0, kI386 = 1, kX32 = 2 };

// Calls `number` with -1 in five arguments and `tag` in the sixth, and returns what the kernel
// returned (a negative errno on failure). No address is -1, no descriptor, no valid flags or
// length: a call that is let through fails before it does anything. A call that makes a process
// ends the new one at once.
long HarmlessCall(Door door, long number, unsigned tag);

// The same door for a call whose arguments the caller chose.
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_RAW_CALL_H_
