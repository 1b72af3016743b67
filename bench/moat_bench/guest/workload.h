// Fixed work, the same in every container, for what it costs the host.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_WORKLOAD_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_WORKLOAD_H_

#include <string>

namespace moat::bench {

// Does the work `name` (files, names, processes, memory, messages, network) `rounds` times and
// prints a line "ready", then "calls N", the system calls that one round makes. With 0 rounds it
// only starts and ends, which is what to subtract; fewer than 0 are milliseconds.
int Workload(const std::string& name, int rounds);

// Writes a line "beat MICROSECONDS" each 5 ms for `seconds`, with a mediated call (stat, open)
// before each and the clock of the machine in it.
int Heart(double seconds);

// As many stat(2) as `threads` threads can make in `seconds`; prints how many.
int Flood(int threads, double seconds);

// Makes stat, open (with close) or exec (with fork and wait) `times` times and prints "span BEGIN
// END", in seconds of CLOCK_MONOTONIC. It rests before it begins, as Workload does.
int Repeat(const std::string& call, int times);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_WORKLOAD_H_
