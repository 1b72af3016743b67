// What an escape would need, tried from inside. Every probe stops where the way would be open, and
// touches marker files of the benchmark alone.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_ESCAPE_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_ESCAPE_H_

#include <string>

namespace moat::bench {

// Prints a JSON object with one member per probe: {"open": bool, "evidence": text}.
int EscapePreconditions();

// For probes that need a container made for them; each prints one line.
int ReadFileProbe(const std::string& path);  // what it says, or the errno's name
int KindProbe(const std::string& path,
              const std::string& result);  // writes "device" or "file" to a file
int FindMarker(const std::string& name);   // is it in the cwd or a folder above it?
int ConnectProbe(const std::string& kind, const std::string& name);  // abstract or path
int WatchPrograms(int seconds);  // programs of other processes, by device and inode

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_ESCAPE_H_
