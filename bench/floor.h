// What any sandbox of moat's kind costs at least: guest_micro measures itself under these.
#ifndef MOAT_BENCH_FLOOR_H_
#define MOAT_BENCH_FLOOR_H_

namespace moat::bench {

// Gives the process a seccomp filter that allows everything. Ends the process on failure.
void AllowEverything();

// Goes on in a child whose openat and newfstatat of names are notified to this process, which is
// held on the same CPU and does nothing but answer them: it checks nothing, remembers nothing, and
// sees the same files. Returns in the child; this process ends as the child does.
void BeSupervised();

}  // namespace moat::bench

#endif  // MOAT_BENCH_FLOOR_H_
