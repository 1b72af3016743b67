// Builds N_c, the container's mount namespace: docs/ARCHITECTURE.md, "Processes and namespaces".
//
// Everything happens in a child process with the caller's privileges, in a namespace owned by the
// caller's user namespace, so no mount of it ever shows on the host and nothing is to be undone.
#ifndef MOAT_RUNTIME_ROOTFS_BUILD_ROOT_H_
#define MOAT_RUNTIME_ROOTFS_BUILD_ROOT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/policy.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/rootfs/overlay_root.h"
#include "runtime/rootfs/root_plan.h"
#include "runtime/rootfs/terminal.h"
#include "runtime/spec/spec.h"

namespace moat::rootfs {

// Borrowed for the call.
struct RootConfig {
  const spec::Spec& spec;
  const namespaces::IdMaps& ids;
  std::string bundle;                        // absolute
  std::string staging;                       // a directory of ours to build on; stays empty outside
  const RootPlan* plan = nullptr;            // in place of spec.root.path
  const policies::Policy* policy = nullptr;  // its file and exec rules; null: none
  // Leaves the caller's tree in sight, with the container's mounted at root.path, for FinishRoot.
  bool unfinished = false;
};

// A POSIX message queue file system shows the IPC namespace of who mounts it, and the container's
// does not exist yet when N_c is built.
struct QueueMount {
  std::string destination;
  uint64_t attributes = 0;  // MOUNT_ATTR_*
  Fd target;                // the directory to mount on
};

struct BuiltRoot {
  Fd mount_namespace;
  Terminal terminal;                     // with process.terminal
  std::vector<UpperLayer> uppers;        // with a plan
  std::vector<QueueMount> queues;        // for MountQueues
  std::vector<std::string> mount_table;  // ContainerMountTable; once it is finished
  Fd unfinished_root;                    // for FinishRoot
};

// Differences from runc: file systems below /proc and /sys are refused but for proc, sysfs and
// cgroup in their usual places, which the sentry serves; without a mount for /dev one is made; the
// root and bind mounts are nodev unless the options say "dev" (a single device file may be bound);
// a bind on /dev leaves it without default devices.
//
// In a child, while the caller does something else; `config` is not needed once it has started.
absl::StatusOr<namespaces::ChildStep> StartRoot(const RootConfig& config);
// Waits for it.
absl::StatusOr<BuiltRoot> TakeRoot(namespaces::ChildStep& building);

// Calls `before_pivot` in a child that has moved into the unfinished namespace and still sees the
// caller's tree, then takes that away. Whatever the callback does to the child stays there. The
// caller must be single-threaded.
absl::Status FinishRoot(const spec::Spec& spec, BuiltRoot& built,
                        const std::function<absl::Status()>& before_pivot);

// Mounts `built.queues`, which must not be none, for the IPC namespace that `ipc_namespace` refers
// to, in a child, too.
absl::StatusOr<namespaces::ChildStep> StartQueues(const BuiltRoot& built, int ipc_namespace);

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_BUILD_ROOT_H_
