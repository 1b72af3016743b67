#include "runtime/launch/later_mounts.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace moat::launch {

bool MountsMayCome(const spec::Spec& spec) {
  const auto receives = [](absl::string_view propagation) {
    return absl::EndsWith(propagation, "shared") || absl::EndsWith(propagation, "slave");
  };
  return !spec.hooks.start_container.empty() || !spec.hooks.poststart.empty() ||
         receives(spec.linux_config.rootfs_propagation) ||
         std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const spec::Mount& mount) {
           return std::any_of(mount.options.begin(), mount.options.end(), receives);
         });
}

absl::Status CheckFileRules(const policies::Policy* policy, const spec::Spec& spec, bool hooks) {
  if (policy == nullptr || (policy->files().empty() && policy->exec() == nullptr)) {
    return absl::OkStatus();
  }
  if (!hooks && !MountsMayCome(spec)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the policy's file and exec rules can't be kept: mounts may come later, by hooks or by "
      "propagation (rootfsPropagation, a mount option shared or slave)");
}

}  // namespace moat::launch
