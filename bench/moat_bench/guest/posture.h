// What a program sees of its surroundings at its start.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_POSTURE_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_POSTURE_H_

namespace moat::bench {

// Prints one JSON object; the host compares it with what it knows (security/posture.h). To be
// called before the program has opened anything.
int Posture();

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_POSTURE_H_
