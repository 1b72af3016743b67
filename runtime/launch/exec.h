// A further process for a container that is created or running: `moat exec`.
// docs/adr/005-exec.md says why it is done this way.
#ifndef MOAT_RUNTIME_LAUNCH_EXEC_H_
#define MOAT_RUNTIME_LAUNCH_EXEC_H_

#include <sys/types.h>

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/policy.h"
#include "runtime/cgroups/groups.h"
#include "runtime/cgroups/sub_groups.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// Descriptors and references are borrowed for the call.
struct ExecRequest {
  // The container's config, its `process` replaced by the one to run (capabilities absent: none at
  // all). Of the rest only what concerns every process of the container counts.
  const spec::Spec& spec;
  const namespaces::IdMaps& ids;
  const cgroups::Groups& groups;
  const cgroups::SubGroups& sub_groups;      // below them, where the process is to be
  std::string state_dir;                     // of the container
  const policies::Policy* policy = nullptr;  // of the container; null: "default"
  bool audit_all = false;                    // as the container was launched
  int init_pidfd = -1;
  int gofer_pidfd = -1;
  // What the process gets as descriptors 0, 1 and 2; ignored with process.terminal.
  std::array<int, 3> stdio{0, 1, 2};
  int preserve_fds = 0;  // it keeps descriptors 3 .. 3+n-1 as they are in the caller
};

struct Executed {
  pid_t pid = -1;  // in the caller's pid namespace; a child of the caller
  Fd pidfd;
  Fd terminal_master;  // with process.terminal; O_NOCTTY, blocking
};

// Returns once the process runs its program. After an error nothing of it is left; the error is the
// command's fault (IsCommandFault, launch.h) when the program is not there or can't be executed.
//
// The caller must be single-threaded (we fork) and must not ignore SIGCHLD.
absl::StatusOr<Executed> Exec(const ExecRequest& request);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_EXEC_H_
