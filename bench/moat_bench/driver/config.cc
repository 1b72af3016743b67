#include "bench/moat_bench/driver/config.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace moat::bench {
namespace {

using nlohmann::json;

json Filter(const json& data) {
  json rules = json::array();
  for (const json& group : data.at("seccomp").at("allowed")) {
    rules.push_back({{"names", group.at("names")}, {"action", "SCMP_ACT_ALLOW"}});
  }
  for (const json& rule : data.at("seccomp").at("allowed with arguments")) {
    rules.push_back(
        {{"names", rule.at("names")}, {"action", "SCMP_ACT_ALLOW"}, {"args", rule.at("args")}});
  }
  for (const json& rule : data.at("seccomp").at("refused with another errno")) {
    rules.push_back({{"names", rule.at("names")},
                     {"action", "SCMP_ACT_ERRNO"},
                     {"errnoRet", rule.at("errno")}});
  }
  return {{"defaultAction", "SCMP_ACT_ERRNO"},
          {"defaultErrnoRet", 1},
          {"architectures", data.at("seccomp").at("architectures")},
          {"syscalls", rules}};
}

json Capabilities(const json& names) {
  return {{"bounding", names}, {"effective", names}, {"permitted", names}};
}

}  // namespace

const char* NameOf(Profile profile) {
  return profile == Profile::kDefaults ? "defaults" : "docker";
}

absl::StatusOr<json> DockerConfig(const json& data) {
  try {
    json namespaces = json::array();
    for (const char* kind : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
      namespaces.push_back({{"type", kind}});
    }
    return json{
        {"ociVersion", "1.0.2"},
        {"process",
         {{"terminal", false},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"env",
           {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}},
          {"cwd", "/"},
          {"capabilities", Capabilities(data.at("capabilities"))}}},
        {"root", {{"readonly", false}}},
        {"hostname", "container"},
        {"mounts", data.at("mounts")},
        {"linux",
         {{"namespaces", namespaces},
          {"resources", {{"devices", data.at("devices")}}},
          {"seccomp", Filter(data)},
          {"maskedPaths", data.at("masked")},
          {"readonlyPaths", data.at("read only")}}}};
  } catch (const json::exception& fault) {
    return absl::InvalidArgumentError(absl::StrCat("docker_default.json: ", fault.what()));
  }
}

json Prepared(json config, const std::string& root, const std::vector<std::string>& arguments) {
  config["process"]["args"] = arguments;
  config["process"]["terminal"] = false;
  config["root"]["path"] = root;
  config["mounts"].push_back({{"destination", "/tmp"},
                              {"type", "tmpfs"},
                              {"source", "tmpfs"},
                              {"options", {"nosuid", "nodev", "mode=1777"}}});
  return config;
}

}  // namespace moat::bench
