// What a container is now, and its state as the runtime-spec and runc print it.
#ifndef MOAT_RUNTIME_CLI_STATE_JSON_H_
#define MOAT_RUNTIME_CLI_STATE_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "runtime/state/record.h"

namespace moat::cli {

// state::CurrentStatus, or paused when the freezer holds the container's processes.
state::Status StatusNow(const state::Record& record);

// "container not running: ID is STATUS", words that containerd and CRI-O look for.
absl::Status NotRunning(const state::Record& record);

nlohmann::ordered_json StateJson(const state::Record& record);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_STATE_JSON_H_
