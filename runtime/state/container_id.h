// The names of containers.
#ifndef MOAT_RUNTIME_STATE_CONTAINER_ID_H_
#define MOAT_RUNTIME_STATE_CONTAINER_ID_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace moat::state {

// An id is the name of a directory and part of control group names: 1 to 255 (NAME_MAX) of the
// characters 0-9 A-Z a-z _ + . - and neither "." nor "..", as runc wants it. The error says what
// is wrong.
absl::Status CheckId(absl::string_view id);

// A new id "<prefix>-xxxxxxxx" with random hex digits.
std::string RandomId(absl::string_view prefix);

}  // namespace moat::state

#endif  // MOAT_RUNTIME_STATE_CONTAINER_ID_H_
