// Runs the hooks of a config (runtime-spec 1.3, config.md, "POSIX-platform Hooks") in the caller's
// own namespaces.
//
// A hook gets the state on its standard input, and what it writes on its standard output and error
// is only kept for the error that it may cause. It is the leader of a process group, which is
// killed as a whole when the hook's time is up, and it dies with the caller. What it leaves running
// after its own end in time, lives on.
#ifndef MOAT_RUNTIME_HOOKS_RUN_HOOKS_H_
#define MOAT_RUNTIME_HOOKS_RUN_HOOKS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::hooks {

struct HookSurroundings {
  std::string state;      // HookState
  std::string directory;  // where hooks start; "": where the caller is
  // For a hook without any "env" (config.md leaves open what it gets then; runc: this).
  std::vector<std::string> environment;
};

// One, to its end. An error that starts with `field` and the hook's path ("hooks.prestart[0]
// /bin/hook: ...") when it can't be executed, does not exit with 0, or takes longer than its
// timeout. The caller must be single-threaded and not ignore SIGCHLD.
absl::Status RunHook(absl::string_view field, const spec::Hook& hook,
                     const HookSurroundings& surroundings);

// All in their order, up to the first error. `field` is "hooks.prestart".
absl::Status RunHooks(absl::string_view field, const std::vector<spec::Hook>& hooks,
                      const HookSurroundings& surroundings);

// This process's own environment.
std::vector<std::string> OwnEnvironment();

}  // namespace moat::hooks

#endif  // MOAT_RUNTIME_HOOKS_RUN_HOOKS_H_
