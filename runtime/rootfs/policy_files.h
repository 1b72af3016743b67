// The file and exec rules of a policy, as mounts of the container's tree: the kernel enforces them
// at every walk, whoever makes it (docs/policy.md, "What a file rule binds to").
#ifndef MOAT_RUNTIME_ROOTFS_POLICY_FILES_H_
#define MOAT_RUNTIME_ROOTFS_POLICY_FILES_H_

#include "absl/status/status.h"
#include "policies/container/policy.h"
#include "runtime/rootfs/container_root.h"

namespace moat::rootfs {

// A rule binds to the object that its path leads to now, in every mount of the tree that shows it.
// To be called when all mounts are there, from a process in their mount namespace that is not
// pivoted yet; `proc_self` is its /proc/self. An error: a rule names nothing and is not optional,
// or names an object that has other names (hard links), so that it could not be kept.
//
// read_only: a read-only mount of the object over itself. hide: an empty directory or `null_device`
// over it. deny: the same without any permission. exec: every mount becomes noexec but for
// read-only ones of what is listed.
absl::Status ApplyFileRules(const ContainerRoot& root, const policies::Policy& policy,
                            int proc_self, int null_device);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_POLICY_FILES_H_
