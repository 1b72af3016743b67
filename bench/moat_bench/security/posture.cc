#include "bench/moat_bench/security/posture.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kPostureSeconds = 60;
// Files whose numbers run on: the host's when they are nearly those that the host reads a moment
// later.
const std::set<std::string> kRunning = {"/proc/uptime",       "/proc/stat",     "/proc/vmstat",
                                        "/proc/interrupts",   "/proc/softirqs", "/proc/diskstats",
                                        "/proc/pressure/cpu", "/proc/loadavg",  "/proc/meminfo"};
// Of the sensitive files those that do something when they are written; others open for root and
// refuse every write.
const std::set<std::string> kControls = {"/proc/sysrq-trigger",
                                         "/proc/sys/kernel/core_pattern",
                                         "/proc/sys/kernel/modprobe",
                                         "/proc/sys/vm/panic_on_oom",
                                         "/sys/kernel/uevent_helper",
                                         "/dev/mem",
                                         "/dev/kmsg",
                                         "/dev/kvm",
                                         "/dev/fuse",
                                         "/dev/vda",
                                         "/dev/sda"};
// What every container has: null, zero, full, random, urandom, tty, console, ptmx and the like.
const std::set<std::pair<int, int>> kUsualDevices = {{1, 3}, {1, 5}, {1, 7}, {1, 8},
                                                     {1, 9}, {5, 0}, {5, 1}, {5, 2}};

std::string HostText(const std::string& path) {
  std::string text = ReadFile(path, 1 << 22).value_or("");
  text.resize(std::min<size_t>(text.size(), 2048));
  return text;
}

std::vector<double> Numbers(const std::string& text) {
  std::vector<double> all;
  std::istringstream words(text);
  for (std::string word; words >> word && all.size() < 12;) {
    double value = 0;
    if (absl::SimpleAtod(word, &value)) all.push_back(value);
  }
  return all;
}

// Of numbers that run on: alike within 2 % or 3, most of them, and not all zero.
bool RunsWithTheHost(const std::string& inside, const std::string& host) {
  const std::vector<double> ours = Numbers(inside), theirs = Numbers(host);
  const size_t count = std::min(ours.size(), theirs.size());
  size_t alike = 0, zero = 0;
  for (size_t i = 0; i < count; ++i) {
    alike += std::abs(ours[i] - theirs[i]) <= std::max(3.0, 0.02 * std::abs(theirs[i]));
    zero += ours[i] == 0;
  }
  return count > 0 && zero < count && alike * 4 >= count * 3;
}

std::string JudgeFact(const std::string& path, const json& entry) {
  if (entry.contains("fault"))
    return absl::StrCat("hidden (", entry["fault"].get<std::string>(), ")");
  const std::string inside = entry.value("text", "");
  const std::string host = HostText(path);
  if (inside.empty()) return "empty";
  if (host.empty()) return "not on the host";
  if (inside == host || (kRunning.contains(path) && RunsWithTheHost(inside, host)))
    return "the host's";
  // A CPU's own clock rate and the like change from one reading to the next.
  if (path == "/proc/cpuinfo") {
    const size_t name = host.find("model name");
    const std::string line =
        name == std::string::npos ? "" : host.substr(name, host.find('\n', name) - name);
    if (!line.empty() && absl::StrContains(inside, line.substr(line.find(':'))))
      return "the host's CPU";
  }
  return "its own";
}

json JudgeFacts(const json& inside) {
  json all = json::object();
  for (const auto& [path, entry] : inside.at("facts").items()) all[path] = JudgeFact(path, entry);
  utsname host;
  uname(&host);
  const json& seen = inside.at("uname");
  all["uname release"] = seen.value("release", "") == host.release ? "the host's" : "its own";
  all["uname version"] = seen.value("version", "") == host.version ? "the host's" : "its own";
  all["uname node name"] = seen.value("node", "") == host.nodename ? "the host's" : "its own";
  all["dmesg"] = inside.value("dmesg", "") == "answers"
                     ? "the host's"
                     : absl::StrCat("hidden (", inside.value("dmesg", ""), ")");
  return all;
}

// Names of namespaces that are the host's own.
json SharedNamespaces(const json& inside) {
  json shared = json::array();
  std::error_code none;
  for (const auto& [name, link] : inside.at("namespaces").items()) {
    const auto host = std::filesystem::read_symlink("/proc/self/ns/" + name, none);
    if (!none && host.string() == link.get<std::string>() && !absl::EndsWith(name, "_for_children"))
      shared.push_back(name);
  }
  return shared;
}

int CapabilityCount(const json& status, const std::string& field) {
  const std::string text = status.value(field, "");
  return std::popcount(std::strtoull(text.c_str(), nullptr, 16));
}

json UnusualDevices(const json& inside) {
  json all = json::array();
  for (const json& device : inside.at("devices")) {
    if (!kUsualDevices.contains({device.value("major", 0), device.value("minor", 0)}))
      all.push_back(device.at("name"));
  }
  return all;
}

void CountPaths(const json& paths, json& summary) {
  json readable = json::array(), writable = json::array();
  for (const auto& [path, entry] : paths.items()) {
    if (entry.value("there", "") != "yes") continue;
    if (absl::EndsWith(entry.value("read", ""), " bytes") && entry.value("read", "") != "0 bytes")
      readable.push_back(path);
    if (entry.value("names", 0) > 0) readable.push_back(path);
    if (kControls.contains(path) && entry.value("write", "") == "opens") writable.push_back(path);
  }
  summary["sensitive_paths_readable"] = readable;
  summary["sensitive_paths_writable"] = writable;
}

}  // namespace

json JudgePosture(const json& inside) {
  const json& status = inside.at("status");
  json facts = JudgeFacts(inside);
  int leaks = 0;
  for (const auto& [name, verdict] : facts.items())
    leaks += absl::StartsWith(verdict.get<std::string>(), "the host's");
  json leaked_descriptors = json::array();
  for (const json& open : inside.at("descriptors")) {
    if (open.value("fd", 0) > 2) leaked_descriptors.push_back(open);
  }
  json summary = {{"namespaces_of_the_host", SharedNamespaces(inside)},
                  {"capabilities_effective", CapabilityCount(status, "CapEff")},
                  {"capabilities_bounding", CapabilityCount(status, "CapBnd")},
                  {"capabilities_inheritable", CapabilityCount(status, "CapInh")},
                  {"seccomp", status.value("Seccomp", "not told")},
                  {"no_new_privileges", status.value("NoNewPrivs", "not told")},
                  {"lsm", inside.value("lsm", "")},
                  {"descriptors_at_start", inside.at("descriptors").size()},
                  {"leaked_descriptors", leaked_descriptors},
                  {"cwd", inside.value("cwd", "")},
                  {"devices", inside.at("devices").size()},
                  {"unusual_devices", UnusualDevices(inside)},
                  {"mounts", inside.at("mounts").size()},
                  {"host_facts_seen", leaks},
                  {"host_facts_asked", facts.size()},
                  {"session_keyring", inside.value("session keyring", "")}};
  CountPaths(inside.at("paths"), summary);
  return {{"summary", summary}, {"facts", facts}, {"raw", inside}};
}

json Posture(Containers& containers, const Runtime& runtime, Profile profile) {
  const auto config = containers.Config(runtime, profile, {"/bin/guest", "posture"});
  if (!config.ok()) return {{"fault", config.status().message()}};
  const Outcome ran = containers.Run(runtime, *config, kPostureSeconds);
  const json inside = json::parse(ran.out, nullptr, false);
  if (!inside.is_object()) return {{"fault", ran.Fault()}};
  try {
    return JudgePosture(inside);
  } catch (const json::exception& fault) {
    return {{"fault", absl::StrCat("the guest's answer is not what it should be: ", fault.what())}};
  }
}

}  // namespace moat::bench
