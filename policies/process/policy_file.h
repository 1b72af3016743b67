// The system calls that one of moat's own processes may make, as policies/{sentry,gofer}.json say
// it. Read when moat is built: the processes themselves only hold the finished program
// (process_filter.h).
//
//   {
//     "program": "moat-gofer",
//     "rules": [
//       {"allow": ["openat2", "statx"], "reason": "the calls of its callers"},
//       {"allow": ["mmap"], "when": [{"argument": 2, "lacks": ["PROT_EXEC"]}], "reason": "memory"},
//       {"allow": ["fcntl"], "when": [{"argument": 1, "is": ["F_GETFL", "F_SETFL"]}], ...},
//       {"refuse": ["clone3"], "errno": "ENOSYS", "reason": "libc falls back to clone"},
//       {"allow": ["sigaltstack"], "build": "sanitized", "reason": "AddressSanitizer"}
//     ]
//   }
//
// All conditions of "when" must hold; one of them may list several values. A call that no rule
// allows kills the process. Rules for a "build" count only in such builds.
#ifndef MOAT_POLICIES_PROCESS_POLICY_FILE_H_
#define MOAT_POLICIES_PROCESS_POLICY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "policies/compiler/filter_spec.h"

namespace moat::policies {

struct ProcessPolicy {
  std::string program;
  FilterSpec spec;
  int allowed = 0;      // calls that may be made, in some or all of their uses
  int conditional = 0;  // of those, the ones whose arguments are looked at
};

// Pure. InvalidArgument names the rule (counted from 0) and what is wrong with it. `sanitized`:
// whether rules with "build": "sanitized" count.
absl::StatusOr<ProcessPolicy> ParseProcessPolicy(const std::string& text, bool sanitized);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_PROCESS_POLICY_FILE_H_
