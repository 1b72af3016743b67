// What a hook is told of its container: the state of runtime-spec 1.3, runtime.md, "State". Pure.
#ifndef MOAT_RUNTIME_HOOKS_HOOK_STATE_H_
#define MOAT_RUNTIME_HOOKS_HOOK_STATE_H_

#include <sys/types.h>

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace moat::hooks {

struct HookContainer {
  std::string id;
  std::string bundle;  // absolute
  std::map<std::string, std::string> annotations;
};

// `status` is one of the specification's words. `pid`, as the hook itself sees it; 0: none, and the
// field is left out.
std::string HookState(const HookContainer& container, absl::string_view status, pid_t pid);

}  // namespace moat::hooks

#endif  // MOAT_RUNTIME_HOOKS_HOOK_STATE_H_
