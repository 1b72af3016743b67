// The hooks that run while a container is created, and the root that they may still change.
#include <sched.h>

#include <cerrno>

#include "base/status.h"
#include "runtime/hooks/hook_state.h"
#include "runtime/launch/differing_namespaces.h"
#include "runtime/launch/launcher.h"

namespace moat::launch {

bool Launcher::has_create_hooks() const {
  const spec::Hooks& hooks = request_.spec.hooks;
  return !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
         !hooks.create_container.empty();
}

hooks::HookSurroundings Launcher::SurroundingsOfHooks(absl::string_view status, pid_t pid) const {
  const hooks::HookContainer container = {request_.id, request_.bundle, request_.spec.annotations};
  return {hooks::HookState(container, status, pid), request_.bundle, hooks::OwnEnvironment()};
}

absl::Status Launcher::RunRuntimeHooks() {
  const auto surroundings = SurroundingsOfHooks("creating", init_.pid());
  const spec::Hooks& hooks = request_.spec.hooks;
  RETURN_IF_ERROR(hooks::RunHooks("hooks.prestart", hooks.prestart, surroundings));
  return hooks::RunHooks("hooks.createRuntime", hooks.create_runtime, surroundings);
}

// The init's namespaces but for user and pid: those are what keeps host and workload apart, and a
// process with the caller's privileges has no place in them.
absl::Status Launcher::JoinInitAndRunHooks() const {
  const spec::Hooks& hooks = request_.spec.hooks;
  if (hooks.create_container.empty()) return absl::OkStatus();
  constexpr int kJoined = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  ASSIGN_OR_RETURN(const int differing, DifferingNamespaces(init_.pidfd()));
  if ((differing & kJoined) != 0 && ::setns(init_.pidfd(), differing & kJoined) < 0) {
    return ErrnoStatus(errno, "setns", kInit);
  }
  return hooks::RunHooks("hooks.createContainer", hooks.create_container,
                         SurroundingsOfHooks("creating", init_.pid()));
}

absl::Status Launcher::FinishRoot() {
  return rootfs::FinishRoot(request_.spec, root_, [this] { return JoinInitAndRunHooks(); });
}

}  // namespace moat::launch
