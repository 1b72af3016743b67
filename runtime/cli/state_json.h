// A container's state as the runtime-spec and runc print it.
#ifndef MOAT_RUNTIME_CLI_STATE_JSON_H_
#define MOAT_RUNTIME_CLI_STATE_JSON_H_

#include "nlohmann/json.hpp"
#include "runtime/state/record.h"

namespace moat::cli {

nlohmann::ordered_json StateJson(const state::Record& record);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_STATE_JSON_H_
