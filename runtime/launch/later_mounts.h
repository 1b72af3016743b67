// Mounts that may come into a container's tree once it has been built, and what they rule out.
#ifndef MOAT_RUNTIME_LAUNCH_LATER_MOUNTS_H_
#define MOAT_RUNTIME_LAUNCH_LATER_MOUNTS_H_

#include "absl/status/status.h"
#include "policies/container/policy.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// Whether a mount may appear in the container's tree after the gofer has been started: by
// propagation, or by a hook that runs later.
bool MountsMayCome(const spec::Spec& spec);

// File and exec rules bind what is there when the tree is built: an error when they can't be kept.
// `hooks`: some run before the gofer is started. `policy` may be null.
absl::Status CheckFileRules(const policies::Policy* policy, const spec::Spec& spec, bool hooks);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_LATER_MOUNTS_H_
