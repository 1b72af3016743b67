// One process that makes random calls.
#ifndef MOAT_TESTS_RANDOM_CALLS_CALLER_H_
#define MOAT_TESTS_RANDOM_CALLS_CALLER_H_

#include <cstddef>
#include <cstdint>

#include "tests/random_calls/record.h"

namespace moat::random_calls {

struct Life {
  Record& record;
  size_t slot;  // in record.progress
  uint64_t seed;
  void* arena;
};

// Makes calls until one of them ends the process, or until there were enough.
[[noreturn]] void MakeCalls(const Life& life);

}  // namespace moat::random_calls

#endif  // MOAT_TESTS_RANDOM_CALLS_CALLER_H_
