// From a config to a running container and back to nothing: what create, run, do, start and delete
// share.
#ifndef MOAT_RUNTIME_CLI_CONTAINER_H_
#define MOAT_RUNTIME_CLI_CONTAINER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policies/container/policy.h"
#include "runtime/cli/context.h"
#include "runtime/launch/launch.h"
#include "runtime/rootfs/root_plan.h"
#include "runtime/spec/spec.h"
#include "runtime/state/store.h"

namespace moat::cli {

struct CreateRequest {
  const spec::Spec& spec;
  const policies::Policy& policy;
  std::string audit;  // file that gets every refusal; "": the first of each call, in the state
  std::string id;
  std::string bundle;       // absolute
  std::string config_file;  // what `spec` was read from, for a later exec; "": none
  std::optional<rootfs::RootPlan> root_plan;
  std::string cwd_option;  // launch::LaunchRequest
  bool trace = false;
  int trace_fd = -1;  // -1: with the log
  int preserve_fds = 0;
  std::string pid_file;        // "": none
  std::string console_socket;  // "": nobody waits for the terminal's master
  std::string pidfd_socket;    // "": nobody waits for a pidfd of init
  // Stays with the container: it dies with us, its supervisors' log is ours, and it leaves nothing.
  bool foreground = false;
};

// Destroys what killed commands left over, then brings a container to "created". After an error
// nothing is left. The signals that the caller blocks are its own: the container starts without a
// mask.
absl::StatusOr<launch::Launched> CreateContainer(const Context& context, const state::Store& store,
                                                 const CreateRequest& request);

// Brings a created container to "running". A command that is not there: exit code 127; one that
// can't be executed: 126.
absl::Status StartContainer(const state::Entry& entry, int control);

// Ends what still lives of a container and removes its control groups and its directory.
absl::Status DestroyContainer(const state::Entry& entry, const state::Record& record);

// Removes the directory of a container of which nothing else is left, and runs hooks.poststop.
absl::Status ForgetContainer(const state::Entry& entry, const state::Record& record);

// Destroys containers of `do` and `run` whose moat was killed before it could, and what is left of
// any that was not made completely. Errors are logged.
void CollectGarbage(const state::Store& store);

// The config that a container was created with, whatever its bundle says now. An error when it was
// not created from one (`do`).
absl::StatusOr<spec::Spec> ConfigOf(const state::Store& store, const std::string& id);

// Writes a bare number, as conmon and containerd read it; nobody reads half of it.
absl::Status WritePidFile(const std::string& path, pid_t pid);

struct ForegroundOptions {
  std::optional<absl::Duration> timeout;
  bool end_on_default_action = false;  // foreground::Supervised
  bool keep = false;                   // leave the state of the stopped container
};

// Creates (request.foreground), starts, stays and removes. The workload's exit code, 124 after a
// time-out. `before_removal` is called when all processes are dead, if it ran at all.
absl::StatusOr<int> RunInForeground(
    const Context& context, const CreateRequest& request, const ForegroundOptions& options,
    const std::function<absl::Status(const launch::Launched&)>& before_removal = {});

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_CONTAINER_H_
