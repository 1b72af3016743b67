#include "bench/moat_bench/driver/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/read_file.h"
#include "bench/moat_bench/driver/preflight.h"

namespace moat::bench {
namespace {

std::string Text(const std::string& path) {
  return std::string(absl::StripAsciiWhitespace(ReadFile(path, 1 << 20).value_or("")));
}

// The value behind "key" and a colon or an equals sign, of its first line.
std::string Field(const std::string& path, absl::string_view key) {
  std::istringstream lines(Text(path));
  for (std::string line; std::getline(lines, line);) {
    if (!absl::StartsWith(line, key)) continue;
    const size_t mark = line.find_first_of(":=");
    if (mark == std::string::npos) continue;
    std::string value(absl::StripAsciiWhitespace(line.substr(mark + 1)));
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return "";
}

std::string Virtualisation() {
  const bool guest = absl::StrContains(Field("/proc/cpuinfo", "flags"), " hypervisor");
  const std::string product = absl::StrCat(Text("/sys/class/dmi/id/sys_vendor"), " ",
                                           Text("/sys/class/dmi/id/product_name"));
  if (!guest) return "none seen (no hypervisor flag)";
  return product.size() > 1 ? absl::StrCat("virtual machine: ", product)
                            : "virtual machine (hypervisor flag; no name in DMI)";
}

nlohmann::json Mitigations() {
  nlohmann::json all = nlohmann::json::object();
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", none)) {
    const std::string text = Text(entry.path());
    if (text != "Not affected") all[entry.path().filename()] = text;
  }
  return all;
}

std::string Date() {
  const time_t now = time(nullptr);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  return text;
}

}  // namespace

nlohmann::json Environment() {
  utsname system;
  uname(&system);
  return {{"date", Date()},
          {"kernel", absl::StrCat(system.sysname, " ", system.release, " ", system.version)},
          {"architecture", system.machine},
          {"distribution", Field("/etc/os-release", "PRETTY_NAME")},
          {"cpu", Field("/proc/cpuinfo", "model name")},
          {"cpus", sysconf(_SC_NPROCESSORS_ONLN)},
          {"memory", Field("/proc/meminfo", "MemTotal")},
          {"virtualisation", Virtualisation()},
          {"control_groups", HostHasHybridGroups() ? "hybrid (v1 beside v2)"
                             : std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers") ? "v2"
                                                                                            : "v1"},
          {"mitigations", Mitigations()},
          {"load_at_start", Text("/proc/loadavg")},
          {"user", geteuid() == 0 ? "root" : "not root"},
          {"tool", absl::StrCat("moat-bench ", MOAT_VERSION)}};
}

}  // namespace moat::bench
