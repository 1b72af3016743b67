// The hooks that run after the container was created, kept in its state directory: what is in the
// bundle by then does not count (runtime-spec 1.3, runtime.md, "Lifecycle").
#ifndef MOAT_RUNTIME_HOOKS_SAVED_HOOKS_H_
#define MOAT_RUNTIME_HOOKS_SAVED_HOOKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/hooks/hook_state.h"
#include "runtime/spec/spec.h"

namespace moat::hooks {

// poststart and poststop, in <state_dir>/hooks.json; no file when there is neither.
absl::Status SaveHooks(const std::string& state_dir, const spec::Hooks& hooks);

// Empty when nothing was saved.
absl::StatusOr<spec::Hooks> LoadHooks(const std::string& state_dir);

// In the caller's namespaces, with the bundle as their directory, when that is still there.
absl::Status RunPoststart(const spec::Hooks& hooks, const HookContainer& container, pid_t pid);

// The container is gone. Each hook is run whatever became of the others; failures are warnings in
// the log.
void RunPoststop(const spec::Hooks& hooks, const HookContainer& container);

}  // namespace moat::hooks

#endif  // MOAT_RUNTIME_HOOKS_SAVED_HOOKS_H_
