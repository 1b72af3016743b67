#include "runtime/hooks/hook_state.h"

#include "nlohmann/json.hpp"
#include "runtime/spec/spec.h"

namespace moat::hooks {

std::string HookState(const HookContainer& container, absl::string_view status, pid_t pid) {
  using Json = nlohmann::ordered_json;
  Json state = {{"ociVersion", spec::kOciVersion},
                {"id", container.id},
                {"status", std::string(status)},
                {"bundle", container.bundle}};
  if (pid > 0) state["pid"] = pid;
  if (!container.annotations.empty()) state["annotations"] = container.annotations;
  return state.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace moat::hooks
