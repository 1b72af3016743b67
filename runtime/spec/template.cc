#include "runtime/spec/template.h"

#include "nlohmann/json.hpp"
#include "runtime/spec/spec.h"

namespace moat::spec {
namespace {

using Json = nlohmann::ordered_json;

Json ProcessTemplate() {
  const Json capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {
      {"terminal", true},
      {"user", {{"uid", 0}, {"gid", 0}}},
      {"args", {"sh"}},
      {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"}},
      {"cwd", "/"},
      {"capabilities",
       {{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}}},
      {"rlimits", {{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
      {"noNewPrivileges", true},
  };
}

Json MountTemplate(const char* destination, const char* type, const char* source, Json options) {
  return {{"destination", destination},
          {"type", type},
          {"source", source},
          {"options", std::move(options)}};
}

Json MountTemplates(bool rootless) {
  Json pts_options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  // Group 5 (tty) is not mapped for a user who maps only himself.
  if (!rootless) pts_options.push_back("gid=5");
  Json mounts = Json::array();
  mounts.push_back({{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}});
  mounts.push_back(MountTemplate("/dev", "tmpfs", "tmpfs",
                                 {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(MountTemplate("/dev/pts", "devpts", "devpts", pts_options));
  mounts.push_back(MountTemplate("/dev/shm", "tmpfs", "shm",
                                 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
  mounts.push_back(MountTemplate("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(
      rootless ? MountTemplate("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"})
               : MountTemplate("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  mounts.push_back(MountTemplate("/sys/fs/cgroup", "cgroup", "cgroup",
                                 {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  return mounts;
}

Json Namespaces(std::initializer_list<const char*> types) {
  Json namespaces = Json::array();
  for (const char* type : types) namespaces.push_back({{"type", type}});
  return namespaces;
}

Json LinuxTemplate(const TemplateOptions& options) {
  Json config;
  if (options.rootless) {
    config["uidMappings"] = {{{"containerID", 0}, {"hostID", options.uid}, {"size", 1}}};
    config["gidMappings"] = {{{"containerID", 0}, {"hostID", options.gid}, {"size", 1}}};
    config["namespaces"] = Namespaces({"pid", "ipc", "uts", "mount", "cgroup", "user"});
  } else {
    config["resources"] = {{"devices", {{{"allow", false}, {"access", "rwm"}}}}};
    config["namespaces"] = Namespaces({"pid", "network", "ipc", "uts", "mount", "cgroup"});
  }
  config["maskedPaths"] = {"/proc/acpi",        "/proc/asound",        "/proc/kcore",
                           "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                           "/proc/timer_stats", "/proc/sched_debug",   "/sys/firmware",
                           "/proc/scsi"};
  config["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                             "/proc/sysrq-trigger"};
  return config;
}

}  // namespace

std::string TemplateConfig(const TemplateOptions& options) {
  const Json config = {
      {"ociVersion", kOciVersion},
      {"process", ProcessTemplate()},
      {"root", {{"path", "rootfs"}, {"readonly", true}}},
      {"hostname", "moat"},
      {"mounts", MountTemplates(options.rootless)},
      {"linux", LinuxTemplate(options)},
  };
  return config.dump(1, '\t') + "\n";
}

}  // namespace moat::spec
