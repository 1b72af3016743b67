// What a container uses, as `runc events --stats` prints it.
#ifndef MOAT_RUNTIME_CLI_STATS_JSON_H_
#define MOAT_RUNTIME_CLI_STATS_JSON_H_

#include "nlohmann/json.hpp"
#include "runtime/cgroups/live_groups.h"

namespace moat::cli {

// The object "data" of an event of type "stats". Times in nanoseconds, sizes in bytes. Numbers of
// the workload's groups alone: sentry and gofer have groups of their own. A key that this host's
// controllers have no number for is left out or 0, as runc does.
nlohmann::ordered_json StatsJson(const cgroups::LiveGroups& groups);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_STATS_JSON_H_
