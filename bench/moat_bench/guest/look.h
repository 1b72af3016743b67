// Small looks at the surroundings that the probes share. None of them changes anything.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_LOOK_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_LOOK_H_

#include <functional>
#include <string>
#include <vector>

namespace moat::bench {

// "EPERM" for EPERM; "errno 999" for a number without a name.
std::string NameOfErrno(int error);

// At most `limit` bytes of a file, never waiting for more; `*fault` is the errno's name when it
// cannot be read, else empty.
std::string Contents(const std::string& path, size_t limit, std::string* fault);

// "opens" or the errno's name, for open(2) with `flags`. Nothing is read or written.
std::string OpenFor(const std::string& path, int flags);

std::vector<std::string> NamesIn(const std::string& folder);
std::string LinkOf(const std::string& path);

// Runs `probe` in a child of its own and returns what it returned, or "killed by N" or "waits"
// after some seconds. What the probe does to its own process ends with the child.
std::string InChild(const std::function<std::string()>& probe);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_LOOK_H_
