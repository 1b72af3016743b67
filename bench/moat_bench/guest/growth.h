// How the cost of one call grows with what there is.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_GROWTH_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_GROWTH_H_

#include <string>

namespace moat::bench {

// `what`: processes, descriptors, depth, folder, or nothing (the same calls as a reference, for
// what the host made more of). Prints "CALL NANOSECONDS" for stat, open, fork.
int Growth(const std::string& what, int size);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_GROWTH_H_
