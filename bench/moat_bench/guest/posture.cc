#include "bench/moat_bench/guest/posture.h"

#include <fcntl.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/moat_bench/guest/look.h"
#include "bench/moat_bench/guest/raw_call.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr int kDescriptors = 256;
constexpr size_t kFactBytes = 2048;
constexpr int kKeyctlGetKeyringId = 0, kSessionKeyring = -3;

// Files that Docker masks, or that carry what only the host's owner should read or set.
constexpr const char* kSensitive[] = {"/proc/kcore",
                                      "/proc/keys",
                                      "/proc/key-users",
                                      "/proc/kmsg",
                                      "/proc/kallsyms",
                                      "/proc/latency_stats",
                                      "/proc/timer_list",
                                      "/proc/sched_debug",
                                      "/proc/interrupts",
                                      "/proc/acpi",
                                      "/proc/asound",
                                      "/proc/scsi",
                                      "/proc/bus",
                                      "/proc/fs",
                                      "/proc/irq",
                                      "/proc/sysrq-trigger",
                                      "/proc/sys/kernel/core_pattern",
                                      "/proc/sys/kernel/modprobe",
                                      "/proc/sys/vm/panic_on_oom",
                                      "/proc/sys/fs/binfmt_misc",
                                      "/proc/config.gz",
                                      "/sys/firmware",
                                      "/sys/devices/virtual/powercap",
                                      "/sys/kernel/debug",
                                      "/sys/kernel/tracing",
                                      "/sys/kernel/security",
                                      "/sys/kernel/uevent_helper",
                                      "/sys/kernel/vmcoreinfo",
                                      "/sys/fs/cgroup",
                                      "/sys/fs/bpf",
                                      "/dev/mem",
                                      "/dev/kmsg",
                                      "/dev/kvm",
                                      "/dev/fuse",
                                      "/dev/vda",
                                      "/dev/sda"};

// Facts whose text the host compares with its own.
constexpr const char* kFacts[] = {"/proc/version",
                                  "/proc/cmdline",
                                  "/proc/cpuinfo",
                                  "/proc/meminfo",
                                  "/proc/uptime",
                                  "/proc/loadavg",
                                  "/proc/stat",
                                  "/proc/vmstat",
                                  "/proc/interrupts",
                                  "/proc/softirqs",
                                  "/proc/modules",
                                  "/proc/partitions",
                                  "/proc/diskstats",
                                  "/proc/swaps",
                                  "/proc/pressure/cpu",
                                  "/proc/keys",
                                  "/proc/sys/kernel/random/boot_id",
                                  "/proc/sys/kernel/hostname",
                                  "/proc/sys/kernel/osrelease",
                                  "/sys/class/dmi/id/product_name",
                                  "/sys/devices/system/cpu/online",
                                  "/sys/kernel/notes",
                                  "/sys/block/vda/size"};

// First of all, before anything else has opened a file.
json Descriptors() {
  json open = json::array();
  for (int fd = 0; fd < kDescriptors; ++fd) {
    struct stat attributes;
    if (fstat(fd, &attributes) == -1) continue;
    open.push_back({{"fd", fd},
                    {"link", LinkOf("/proc/self/fd/" + std::to_string(fd))},
                    {"folder", S_ISDIR(attributes.st_mode)}});
  }
  return open;
}

json StatusFields() {
  std::string fault;
  std::istringstream lines(Contents("/proc/self/status", 8192, &fault));
  json fields = json::object();
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(":\t");
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    for (const char* wanted : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
                               "Seccomp", "Seccomp_filters", "Uid", "Gid"}) {
      if (name == wanted) fields[name] = line.substr(colon + 2);
    }
  }
  return fields;
}

json Namespaces() {
  json all = json::object();
  for (const std::string& name : NamesIn("/proc/self/ns"))
    all[name] = LinkOf("/proc/self/ns/" + name);
  return all;
}

json Paths() {
  json all = json::object();
  for (const char* path : kSensitive) {
    struct stat attributes;
    if (stat(path, &attributes) == -1) {
      all[path] = {{"there", NameOfErrno(errno)}};
      continue;
    }
    std::string fault;
    const bool folder = S_ISDIR(attributes.st_mode);
    json entry = {{"there", "yes"}, {"write", folder ? "" : OpenFor(path, O_WRONLY)}};
    if (folder) {
      entry["names"] = NamesIn(path).size();
    } else {
      const std::string text = Contents(path, 64, &fault);
      entry["read"] = fault.empty() ? std::to_string(text.size()) + " bytes" : fault;
    }
    all[path] = entry;
  }
  return all;
}

json Devices() {
  json all = json::array();
  for (const std::string& name : NamesIn("/dev")) {
    struct stat attributes;
    if (lstat(("/dev/" + name).c_str(), &attributes) == -1) continue;
    if (!S_ISCHR(attributes.st_mode) && !S_ISBLK(attributes.st_mode)) continue;
    all.push_back({{"name", name},
                   {"kind", S_ISCHR(attributes.st_mode) ? "character" : "block"},
                   {"major", major(attributes.st_rdev)},
                   {"minor", minor(attributes.st_rdev)},
                   {"read", OpenFor("/dev/" + name, O_RDONLY)}});
  }
  return all;
}

json Facts() {
  json all = json::object();
  for (const char* path : kFacts) {
    std::string fault;
    const std::string text = Contents(path, kFactBytes, &fault);
    all[path] = fault.empty() ? json{{"text", text}} : json{{"fault", fault}};
  }
  return all;
}

json Mounts() {
  std::string fault;
  std::istringstream lines(Contents("/proc/self/mountinfo", 1 << 20, &fault));
  json all = json::array();
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  return all;
}

std::string Outcome(long result) { return result < 0 ? NameOfErrno(-result) : "answers"; }

}  // namespace

int Posture() {
  json posture = {{"descriptors", Descriptors()}};
  posture["cwd"] = LinkOf("/proc/self/cwd");
  posture["status"] = StatusFields();
  posture["namespaces"] = Namespaces();
  std::string fault;
  posture["lsm"] = Contents("/proc/self/attr/current", 256, &fault);
  posture["cgroup"] = Contents("/proc/self/cgroup", 2048, &fault);
  posture["paths"] = Paths();
  posture["devices"] = Devices();
  posture["mounts"] = Mounts();
  posture["facts"] = Facts();
  utsname system;
  uname(&system);
  posture["uname"] = {
      {"release", system.release}, {"version", system.version}, {"node", system.nodename}};
  constexpr int kSizeOfBuffer = 10;  // SYSLOG_ACTION_SIZE_BUFFER: needs the right, returns no text
  posture["dmesg"] = Outcome(klogctl(kSizeOfBuffer, nullptr, 0) == -1 ? -errno : 0);
  posture["session keyring"] = Outcome(Call(SYS_keyctl, kKeyctlGetKeyringId, kSessionKeyring, 0));
  std::cout << posture.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
  return 0;
}

}  // namespace moat::bench
