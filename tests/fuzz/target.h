// What every fuzz target defines.
#ifndef MOAT_TESTS_FUZZ_TARGET_H_
#define MOAT_TESTS_FUZZ_TARGET_H_

#include "absl/strings/string_view.h"

namespace moat::fuzz {

// One run on a hostile input. Must neither crash nor hang, and aborts when what came out is not
// what the parser's header promises.
void Run(absl::string_view input);

}  // namespace moat::fuzz

#endif  // MOAT_TESTS_FUZZ_TARGET_H_
