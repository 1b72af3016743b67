// Which system calls can be reached from inside: every number, by every door.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_MATRIX_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_MATRIX_H_

namespace moat::bench {

// Makes each call of each door once, in a child of its own, and prints a line for it:
//   call DOOR NUMBER returned RESULT | killed SIGNAL | exited CODE | waits
// `seed` goes into the tag of each call (CallTag), so that the host's trace can be searched for it.
// The line "done" ends the list.
int Matrix(unsigned seed);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_MATRIX_H_
