#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/spec/parse_parts.h"

namespace moat::spec {
namespace {

struct NamespaceName {
  absl::string_view name;
  NamespaceType type;
};
constexpr NamespaceName kNamespaces[] = {
    {"pid", NamespaceType::kPid},       {"network", NamespaceType::kNetwork},
    {"mount", NamespaceType::kMount},   {"ipc", NamespaceType::kIpc},
    {"uts", NamespaceType::kUts},       {"user", NamespaceType::kUser},
    {"cgroup", NamespaceType::kCgroup}, {"time", NamespaceType::kTime},
};

}  // namespace

void Read(const JsonReader& at, Namespace& out) {
  std::string type;
  at.Required("type", type);
  at.Member("path", out.path);
  const auto* known = std::find_if(std::begin(kNamespaces), std::end(kNamespaces),
                                   [&](const NamespaceName& entry) { return entry.name == type; });
  if (known == std::end(kNamespaces)) {
    at.MemberFault("type", absl::StrCat("\"", type, "\" is not a namespace of Linux"));
  } else {
    out.type = known->type;
  }
}

void Read(const JsonReader& at, TimeOffset& out) {
  at.Member("secs", out.secs);
  at.Member("nanosecs", out.nanosecs);
}

void Read(const JsonReader& at, Device& out) {
  at.Required("path", out.path);
  at.Letter("type", "cubp", out.type);
  at.Member("major", out.major);
  at.Member("minor", out.minor);
  at.Member("fileMode", out.file_mode);
  at.Member("uid", out.uid);
  at.Member("gid", out.gid);
}

void Read(const JsonReader& at, NetDevice& out) { at.Member("name", out.name); }

void Read(const JsonReader& at, SeccompArg& out) {
  at.Required("index", out.index);
  at.Required("value", out.value);
  at.Member("valueTwo", out.value_two);
  at.Required("op", out.op);
}

void Read(const JsonReader& at, SeccompSyscall& out) {
  at.Required("names", out.names);
  at.Required("action", out.action);
  at.Member("errnoRet", out.errno_ret);
  at.Member("args", out.args);
}

void Read(const JsonReader& at, Seccomp& out) {
  at.Required("defaultAction", out.default_action);
  at.Member("defaultErrnoRet", out.default_errno_ret);
  at.Member("architectures", out.architectures);
  at.Member("flags", out.flags);
  at.Member("listenerPath", out.listener_path);
  at.Member("listenerMetadata", out.listener_metadata);
  at.Member("syscalls", out.syscalls);
}

void Read(const JsonReader& at, Personality& out) {
  at.Required("domain", out.domain);
  at.Member("flags", out.flags);
}

void Read(const JsonReader& at, MemoryPolicy& out) {
  at.Required("mode", out.mode);
  at.Member("nodes", out.nodes);
  at.Member("flags", out.flags);
}

void Read(const JsonReader& at, IntelRdt& out) {
  at.Member("closID", out.clos_id);
  at.Member("schemata", out.schemata);
  at.Member("l3CacheSchema", out.l3_cache_schema);
  at.Member("memBwSchema", out.mem_bw_schema);
  at.Member("enableMonitoring", out.enable_monitoring);
}

void Read(const JsonReader& at, Linux& out) {
  at.Member("namespaces", out.namespaces);
  at.Member("uidMappings", out.uid_mappings);
  at.Member("gidMappings", out.gid_mappings);
  at.Member("timeOffsets", out.time_offsets);
  at.Member("devices", out.devices);
  at.Member("netDevices", out.net_devices);
  at.Member("cgroupsPath", out.cgroups_path);
  at.Member("resources", out.resources);
  at.Member("rootfsPropagation", out.rootfs_propagation);
  at.Member("seccomp", out.seccomp);
  at.Member("maskedPaths", out.masked_paths);
  at.Member("readonlyPaths", out.readonly_paths);
  at.Member("sysctl", out.sysctl);
  at.Member("mountLabel", out.mount_label);
  at.Member("personality", out.personality);
  at.Member("memoryPolicy", out.memory_policy);
  at.Member("intelRdt", out.intel_rdt);
}

}  // namespace moat::spec
