// How the cost of a call grows with processes, descriptors, mounts, depth and size of folders.
#include <filesystem>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "bench/moat_bench/speed/speed.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr const char* kKinds[] = {"processes", "descriptors", "mounts", "depth", "folder"};
constexpr double kSeconds = 180;

// A config with `count` mounts more, each a bind of the same folder.
json WithMounts(json config, const std::string& source, int count) {
  for (int i = 0; i < count; ++i) {
    config["mounts"].push_back({{"destination", absl::StrCat("/tmp/mounts/", i)},
                                {"type", "bind"},
                                {"source", source},
                                {"options", {"bind", "ro"}}});
  }
  return config;
}

void MeasureOne(Containers& containers, const Runtime& runtime, const std::string& kind, int size,
                json& result) {
  const bool mounts = kind == "mounts";
  auto config =
      containers.Config(runtime, Profile::kDefaults,
                        {"/bin/guest", "growth", mounts ? "nothing" : kind, absl::StrCat(size)});
  const std::string label = absl::StrCat(size, " ", kind);
  if (!config.ok()) {
    result["faults"][label] = config.status().message();
    return;
  }
  (*config)["process"]["rlimits"] = {{{"type", "RLIMIT_NOFILE"}, {"hard", 4096}, {"soft", 4096}}};
  if (mounts) {
    const std::string source = containers.places().work + "/mounted";
    std::filesystem::create_directories(source);
    *config = WithMounts(*config, source, size);
  }
  const Outcome ran = containers.Run(runtime, *config, kSeconds);
  std::istringstream lines(ran.out);
  bool any = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string call;
    double value = 0;
    if (!(words >> call >> value)) {
      result["faults"][label] = line;
      continue;
    }
    any = true;
    const std::string name = absl::StrCat(call, " with ", size, " ", kind);
    result["figures"][name] = value;
    result["units"][name] = "ns";
  }
  if (!any) result["faults"][label] = ran.Fault();
}

}  // namespace

json GrowthOf(Containers& containers, const Runtime& runtime, const SpeedOptions& options) {
  json result = {
      {"figures", json::object()}, {"units", json::object()}, {"faults", json::object()}};
  for (const char* kind : kKinds) {
    for (const int size : options.sizes) {
      if (containers.processes().interrupted()) return result;
      MeasureOne(containers, runtime, kind, size, result);
    }
  }
  return result;
}

}  // namespace moat::bench
