// Whose container a control group belongs to. Two moats with different state directories may give
// their containers one name, and so one group by default.
//
// The mark is an extended attribute of the group's directory (user.moat.container), with the state
// directory of the container in it; setxattr(2) with XATTR_CREATE makes it once for all.
#ifndef MOAT_RUNTIME_CGROUPS_CLAIM_H_
#define MOAT_RUNTIME_CGROUPS_CLAIM_H_

#include <string>

#include "absl/status/status.h"

namespace moat::cgroups {

// Marks the group `directory`, which has no processes, as that of `owner`, a state directory. An
// error names the other when it is marked as that of a container whose state is still there; the
// mark of one that is gone is replaced. A kernel without such attributes (before 5.7): no mark.
absl::Status ClaimGroup(const std::string& directory, const std::string& owner);

// Whether it is marked as that of another than `owner`.
bool IsClaimedByOther(const std::string& directory, const std::string& owner);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_CLAIM_H_
