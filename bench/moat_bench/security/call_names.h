// Names of system calls, by door and number.
#ifndef MOAT_BENCH_MOAT_BENCH_SECURITY_CALL_NAMES_H_
#define MOAT_BENCH_MOAT_BENCH_SECURITY_CALL_NAMES_H_

#include <string>

namespace moat::bench {

// "openat"; "number 470" where neither libseccomp nor we know one. `door` is an index into
// kDoorNames.
std::string CallName(int door, int number);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_SECURITY_CALL_NAMES_H_
