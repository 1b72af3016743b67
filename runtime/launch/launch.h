// Brings a container from a validated config to "created": docs/ARCHITECTURE.md, "Who creates
// whom". Works in named steps, each with its undo; after an error nothing is left behind, neither
// process, mount, namespace, control group nor file.
//
// The caller must be single-threaded (we fork and change the pid namespace for children) and must
// not ignore SIGCHLD. Children that Launch leaves running: sentry, gofer and the container's init;
// all others are reaped before it returns.
#ifndef MOAT_RUNTIME_LAUNCH_LAUNCH_H_
#define MOAT_RUNTIME_LAUNCH_LAUNCH_H_

#include <sys/types.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/policy.h"
#include "runtime/cgroups/groups.h"
#include "runtime/cgroups/systemd_scope.h"
#include "runtime/rootfs/root_plan.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// Where moat's other programs are.
struct Programs {
  std::string sentry;  // moat-sentry
  std::string gofer;   // moat-gofer
  std::string loader;  // moat-loader
  // moat-resolver; needed only with egress rules by name.
  std::string resolver;
  // moat-systemd; "" when it is not installed: then systemd cannot be asked for control groups.
  std::string systemd;
};

// What is known of a container's control groups: that those of the given paths may be made, or that
// they were and may hold processes.
enum class GroupsAre { kPlanned, kMade };

// A running container whose pid namespace another one joins.
struct PidsOwner {
  std::string state_dir;
  dev_t device = 0;  // of its pid namespace, as stat(2) has it
  ino_t inode = 0;
};

// Descriptors and references are borrowed for the call.
struct LaunchRequest {
  const spec::Spec& spec;
  std::string id;
  std::string bundle;     // absolute; relative paths of the config start here
  std::string state_dir;  // exists, private to us; gets "control.sock"
  Programs programs;
  // Whose pid namespace linux.namespaces joins by path. None: a config that does so is refused.
  std::optional<PidsOwner> pids_owner;
  // In place of spec.root.path; spec.root.readonly still counts.
  std::optional<rootfs::RootPlan> root_plan;
  // How the user calls process.cwd ("--cwd") when it has to be there; "": made where it is missing.
  std::string cwd_option;
  // Who does. kNone: no control groups are made, and a config that asks for limits is refused.
  cgroups::Manager make_groups = cgroups::Manager::kFiles;
  // What the container may do; null: the policy "default". The limits are in `spec` already
  // (runtime/policy/choose.h).
  const policies::Policy* policy = nullptr;
  // With egress rules by name; the mount of /etc/resolv.conf is in `spec` already
  // (runtime/resolv/name_plan.h).
  std::optional<cgroups::NameService> names;
  // For a record of what has to be removed should we be killed: called before the groups are made,
  // and before the first process is started. An error ends the launch.
  std::function<absl::Status(GroupsAre, const std::vector<std::string>& paths)> on_groups;

  // What the workload gets as descriptors 0, 1 and 2; ignored with process.terminal.
  std::array<int, 3> stdio{0, 1, 2};
  int preserve_fds = 0;  // the workload keeps descriptors 3 .. 3+n-1 as they are in the caller

  bool trace = false;  // one line for each mediated call
  int trace_fd = -1;   // where to; -1: to log_fd
  int audit_fd = -1;   // where refusals are recorded (sentry/audit/audit.h); -1: nowhere
  // Each refusal; else the first of each call and rule.
  bool audit_all = false;
  int log_fd = 2;  // lines of sentry and gofer, each written at once
  // Sentry, and with it the container, dies with the calling thread (run, do).
  bool die_with_parent = false;
};

// One changed part of the root, for --keep.
struct Upper {
  std::string destination;  // of the overlay, in the container
  Fd directory;             // its upper layer, readable; whiteouts are 0:0 character devices
};

// All three processes are children of the caller, and the sentry is pid 1 of the namespace that the
// others live in: the kernel does not let it end before they are reaped. So whoever waits must reap
// init and gofer when they die (Abandon does), or sentry_pidfd never gets readable.
struct Launched {
  pid_t init_pid = -1;  // in the caller's pid namespace
  Fd init_pidfd;
  Fd sentry_pidfd;  // readable when it has died: so is the container then
  Fd gofer_pidfd;
  Fd control;                 // to the sentry: Start()
  Fd terminal_master;         // with process.terminal; O_NOCTTY, blocking
  std::vector<Upper> uppers;  // with root_plan
  // The pid namespace is another container's: the sentry has to end by itself, after init
  // (Abandon).
  bool shares_pids = false;
  cgroups::Groups groups;  // delete: groups.Remove() after all three are dead
};

// An error carries the errno of what failed (StatusErrno).
absl::StatusOr<Launched> Launch(const LaunchRequest& request);

// Connects to the control socket of a container launched by another process.
absl::StatusOr<Fd> ConnectControl(const std::string& state_dir);

// Lets the created container run its program. Returns once execve succeeded or failed; a failure
// carries execve's errno (StatusErrno): ENOENT, EACCES, ENOEXEC, ...
absl::Status Start(int control);

// "created" or "running", as the sentry says.
absl::StatusOr<std::string> QueryState(int control);

// Whether an error of Launch or Start is about the container's program: it is not there (ENOENT,
// ENOTDIR), or it can't be executed.
bool IsCommandFault(const absl::Status& status);

// Kills sentry (and so the container) and removes what `launched` holds. For a caller that can't go
// on after Launch; idempotent.
void Abandon(Launched& launched);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_LAUNCH_H_
