// Which files of /etc the view of the host leaves out.
#ifndef MOAT_RUNTIME_HOSTVIEW_HIDDEN_FILES_H_
#define MOAT_RUNTIME_HOSTVIEW_HIDDEN_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace moat::hostview {

// Names relative to directory `etc`, sorted: everything that a user without rights ("other") could
// not read on the host, and, whatever its mode, what is known to hold keys and passwords
// (kSecrets). Of a hidden directory only the directory itself is named. Symlinks are not followed:
// what they point to is hidden where it is.
absl::StatusOr<std::vector<std::string>> HiddenFiles(const std::string& etc);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_HIDDEN_FILES_H_
