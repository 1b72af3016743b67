// `moat policy explain`, `show` and `diff`: what a policy does, in words.
#ifndef MOAT_RUNTIME_POLICY_EXPLAIN_H_
#define MOAT_RUNTIME_POLICY_EXPLAIN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policies/container/policy.h"

namespace moat::policy {

// What happens to `question`, and by which rule; lines with their ends. Understood are
//   openat                        a system call; all its lines, in order
//   ioctl 0x5412                  a command, operation or option of one (the argument it is told
//   by) mprotect _ _ PROT_EXEC        a system call with arguments; "_" for any connect
//   to 10.0.0.1:80[/udp]  where packets may go read /etc/shadow, write ...   a file exec
//   /usr/bin/python3         a program
absl::StatusOr<std::string> Explain(const policies::Policy& policy,
                                    const std::vector<std::string>& question);

// The whole policy with the layers below it.
absl::StatusOr<std::string> Show(const policies::Policy& policy);

// What `b` does differently from `a`; "" when nothing.
absl::StatusOr<std::string> Diff(const policies::Policy& a, const policies::Policy& b);

}  // namespace moat::policy

#endif  // MOAT_RUNTIME_POLICY_EXPLAIN_H_
