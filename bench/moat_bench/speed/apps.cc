// Real programs on a root file system that the caller names: one script each, data/apps/NAME.sh.
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/moat_bench/speed/speed.h"

namespace moat::bench {

using nlohmann::json;

namespace {
constexpr double kAppSeconds = 300;
}

json App(Containers& containers, const Runtime& runtime, const SpeedOptions& options,
         const std::string& app) {
  auto config = containers.Config(runtime, Profile::kDocker,
                                  {"/bin/bash", absl::StrCat("/mnt/", app, ".sh")}, options.rootfs);
  if (!config.ok()) return {{"fault", config.status().message()}};
  // The root is shared by all runs and stays as it is; what is written goes to the tmpfs on /tmp,
  // /run and /var/tmp.
  (*config)["root"]["readonly"] = true;
  (*config)["mounts"].push_back({{"destination", "/mnt"},
                                 {"type", "bind"},
                                 {"source", containers.places().data + "/apps"},
                                 {"options", {"bind", "ro"}}});
  for (const char* place : {"/run", "/var/tmp"}) {
    (*config)["mounts"].push_back({{"destination", place},
                                   {"type", "tmpfs"},
                                   {"source", "tmpfs"},
                                   {"options", {"mode=1777"}}});
  }
  const Outcome ran = containers.Run(runtime, *config, kAppSeconds);
  std::istringstream lines(ran.out);
  json result = {{"figures", json::object()}, {"units", json::object()}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, unit;
    double value = 0;
    if (words >> mark && mark == "SKIP") return {{"fault", line}};
    if (mark != "RESULT" || !(words >> value >> unit)) continue;
    result["figures"][app] = unit == "s" ? value * 1e9 : value;
    result["units"][app] = unit == "s" ? "ns" : unit;
  }
  if (!ran.ok() || result["figures"].empty()) return {{"fault", ran.Fault()}};
  return result;
}

}  // namespace moat::bench
