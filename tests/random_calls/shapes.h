// Which kinds of values a system call takes.
#ifndef MOAT_TESTS_RANDOM_CALLS_SHAPES_H_
#define MOAT_TESTS_RANDOM_CALLS_SHAPES_H_

#include "absl/strings/string_view.h"

namespace moat::random_calls {

// One letter for each argument, as shapes.cc explains them. A call that is not known there, or
// that Linux does not have, gets six times "any".
absl::string_view ShapeOf(long number);

// Whether a process that makes the call seldom goes on: these are made less often.
bool EndsItsCaller(long number);

}  // namespace moat::random_calls

#endif  // MOAT_TESTS_RANDOM_CALLS_SHAPES_H_
