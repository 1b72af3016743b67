#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "runtime/spec/validate.h"

namespace moat::spec {
namespace {

absl::Status Fault(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

absl::Status CheckNamespaces(const std::vector<Namespace>& namespaces) {
  std::set<NamespaceType> seen;
  for (size_t i = 0; i < namespaces.size(); ++i) {
    const std::string field = absl::StrCat("linux.namespaces[", i, "]");
    if (!seen.insert(namespaces[i].type).second) {
      return Fault(field + ".type", "this namespace is given twice");
    }
    if (!namespaces[i].path.empty() && namespaces[i].path[0] != '/') {
      return Fault(field + ".path", "is not an absolute path");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMappings(absl::string_view field, const std::vector<IdMapping>& mappings,
                           const Linux& config) {
  if (mappings.empty()) return absl::OkStatus();
  const Namespace* user = config.FindNamespace(NamespaceType::kUser);
  if (!user) {
    return Fault(field, "needs a user namespace: add {\"type\": \"user\"} to linux.namespaces");
  }
  for (size_t i = 0; i < mappings.size(); ++i) {
    if (mappings[i].size == 0) return Fault(absl::StrCat(field, "[", i, "].size"), "is 0");
  }
  return absl::OkStatus();
}

// dev_valid_name of the kernel; "%d" asks it for a free number.
bool IsInterfaceName(absl::string_view name) {
  constexpr size_t kLongest = 15;  // IFNAMSIZ - 1
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         name.find_first_of("/: \t\n") == absl::string_view::npos;
}

absl::Status CheckNetDevices(const std::map<std::string, NetDevice>& devices) {
  for (const auto& [name, device] : devices) {
    const std::string field = absl::StrCat("linux.netDevices.", name);
    if (!IsInterfaceName(name)) return Fault(field, "is not the name of an interface");
    if (!device.name.empty() && !IsInterfaceName(device.name)) {
      return Fault(field + ".name", "is not the name of an interface");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTimeOffsets(const std::map<std::string, TimeOffset>& offsets) {
  for (const auto& [clock, offset] : offsets) {
    const std::string field = absl::StrCat("linux.timeOffsets.", clock);
    if (clock != "monotonic" && clock != "boottime") {
      return Fault(field, "is not a clock with an offset: monotonic or boottime");
    }
    if (offset.nanosecs >= 1000000000) return Fault(field + ".nanosecs", "is a second or more");
  }
  return absl::OkStatus();
}

absl::Status CheckDevices(const std::vector<Device>& devices) {
  for (size_t i = 0; i < devices.size(); ++i) {
    const std::string field = absl::StrCat("linux.devices[", i, "]");
    if (!absl::StartsWith(devices[i].path, "/")) {
      return Fault(field + ".path", "is not an absolute path");
    }
    if (devices[i].type != 'p' && (devices[i].major < 0 || devices[i].minor < 0)) {
      return Fault(field, "major or minor is negative");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAbsolute(absl::string_view field, const std::vector<std::string>& paths) {
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!absl::StartsWith(paths[i], "/")) {
      return Fault(absl::StrCat(field, "[", i, "]"),
                   absl::StrCat("\"", paths[i], "\" is not an absolute path"));
    }
  }
  return absl::OkStatus();
}

// The sysctls that a namespace has of its own (sysctl/{kernel,fs,net}.rst of Linux 6.18); any other
// would change the host.
bool IsIpcSysctl(const std::string& key) {
  static constexpr absl::string_view kKeys[] = {
      "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
  };
  return absl::StartsWith(key, "fs.mqueue.") ||
         std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

absl::Status CheckSysctl(const std::string& written, const Linux& config) {
  const std::string field = absl::StrCat("linux.sysctl.", written);
  // As sysctl(8): with a slash first, slashes separate and dots are part of a name.
  std::string key = written;
  const size_t separator = key.find_first_of("./");
  if (separator != std::string::npos && key[separator] == '/') {
    for (char& c : key) c = c == '/' ? '.' : c == '.' ? '/' : c;
  }
  if (absl::StrContains(key, "..") || absl::StrContains(written, "..")) {
    return Fault(field, "is not the name of a sysctl");
  }
  const bool new_namespace =
      (IsIpcSysctl(key) && config.FindNamespace(NamespaceType::kIpc)) ||
      (absl::StartsWith(key, "net.") && config.FindNamespace(NamespaceType::kNetwork)) ||
      (key == "kernel.domainname" && config.FindNamespace(NamespaceType::kUts));
  if (new_namespace) return absl::OkStatus();
  if (key == "kernel.hostname") return Fault(field, "use \"hostname\" for the name of the host");
  return Fault(field, "does not belong to a namespace of this container: it would change the host");
}

absl::Status CheckCgroupsPath(const std::string& path) {
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..") return Fault("linux.cgroupsPath", "holds \"..\"");
  }
  return absl::OkStatus();
}

absl::Status CheckPropagation(const std::string& value) {
  static constexpr absl::string_view kValues[] = {"",         "shared",     "slave",
                                                  "private",  "rshared",    "rslave",
                                                  "rprivate", "unbindable", "runbindable"};
  if (std::find(std::begin(kValues), std::end(kValues), value) != std::end(kValues)) {
    return absl::OkStatus();
  }
  return Fault("linux.rootfsPropagation",
               absl::StrCat("\"", value, "\" is not shared, slave, private or unbindable"));
}

absl::Status CheckMemory(const MemoryLimits& memory) {
  if (memory.swap.value_or(0) > 0 && memory.limit.value_or(0) <= 0) {
    return Fault("linux.resources.memory.swap", "needs a memory.limit too");
  }
  if (memory.swap.value_or(0) > 0 && *memory.swap < memory.limit.value_or(0)) {
    return Fault("linux.resources.memory.swap",
                 "is memory and swap together, so not below memory.limit");
  }
  return absl::OkStatus();
}

absl::Status CheckResources(const Resources& resources) {
  if (resources.memory) RETURN_IF_ERROR(CheckMemory(*resources.memory));
  for (size_t i = 0; i < resources.devices.size(); ++i) {
    if (resources.devices[i].access.find_first_not_of("rwm") != std::string::npos) {
      return Fault(absl::StrCat("linux.resources.devices[", i, "].access"),
                   "holds other letters than r, w and m");
    }
  }
  for (const auto& [file, value] : resources.unified) {
    if (file.empty() || absl::StrContains(file, "/")) {
      return Fault(absl::StrCat("linux.resources.unified.", file), "is not the name of a file");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateLinux(const Linux& config) {
  RETURN_IF_ERROR(CheckNamespaces(config.namespaces));
  RETURN_IF_ERROR(CheckMappings("linux.uidMappings", config.uid_mappings, config));
  RETURN_IF_ERROR(CheckMappings("linux.gidMappings", config.gid_mappings, config));
  RETURN_IF_ERROR(CheckTimeOffsets(config.time_offsets));
  RETURN_IF_ERROR(CheckNetDevices(config.net_devices));
  RETURN_IF_ERROR(CheckDevices(config.devices));
  RETURN_IF_ERROR(CheckAbsolute("linux.maskedPaths", config.masked_paths));
  RETURN_IF_ERROR(CheckAbsolute("linux.readonlyPaths", config.readonly_paths));
  for (const auto& [key, value] : config.sysctl) RETURN_IF_ERROR(CheckSysctl(key, config));
  RETURN_IF_ERROR(CheckCgroupsPath(config.cgroups_path));
  RETURN_IF_ERROR(CheckPropagation(config.rootfs_propagation));
  if (config.intel_rdt) {
    return absl::UnimplementedError(
        "linux.intelRdt: moat does not drive resctrl; take it out of the configuration");
  }
  if (config.resources) RETURN_IF_ERROR(CheckResources(*config.resources));
  return absl::OkStatus();
}

}  // namespace moat::spec
