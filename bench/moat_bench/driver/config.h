// The config.json of a probe's container: as the runtime itself proposes it, or as Docker would
// write it.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_CONFIG_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_CONFIG_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace moat::bench {

enum class Profile { kDefaults, kDocker };
inline constexpr Profile kProfiles[] = {Profile::kDefaults, Profile::kDocker};
// "defaults", "docker".
const char* NameOf(Profile profile);

// Docker's capabilities, seccomp profile, mounts, masked and read-only paths, made from
// data/docker_default.json.
absl::StatusOr<nlohmann::json> DockerConfig(const nlohmann::json& data);

// `config` for a run of `arguments` on the root file system `root`, without a terminal, with a
// tmpfs on /tmp.
nlohmann::json Prepared(nlohmann::json config, const std::string& root,
                        const std::vector<std::string>& arguments);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_CONFIG_H_
