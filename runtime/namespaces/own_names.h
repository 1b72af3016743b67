// What is set inside fresh namespaces by their first process.
#ifndef MOAT_RUNTIME_NAMESPACES_OWN_NAMES_H_
#define MOAT_RUNTIME_NAMESPACES_OWN_NAMES_H_

#include <string>

#include "absl/status/status.h"

namespace moat::namespaces {

// Sets those that are not empty in this process's uts namespace.
absl::Status SetNames(const std::string& hostname, const std::string& domainname);

// Sets the loopback interface of this process's network namespace up.
absl::Status SetLoopbackUp();

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_OWN_NAMES_H_
