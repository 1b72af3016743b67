#include <sys/capability.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"
#include "runtime/cli/command.h"
#include "runtime/rootfs/mount_options.h"
#include "runtime/spec/spec.h"

// runtime-spec features.md and features-linux.md.
namespace moat::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kOldestOciVersion[] = "1.0.0";

// What a file system would be asked for as an option of its own is no option of ours.
bool IsKnownOption(const std::string& option) {
  const auto& parameters = rootfs::ParseMountOptions({option}).parameters;
  return std::all_of(parameters.begin(), parameters.end(), [&](const rootfs::FsParameter& one) {
    return one.key != option ||
           // Carried out by the file system, but the specification's.
           option == "sync" || option == "dirsync" || option == "lazytime" || option == "mand";
  });
}

// Of the options of runtime-spec config.md those that moat honours.
std::vector<std::string> MountOptions() {
  std::vector<std::string> options = {"async",         "atime",        "bind",
                                      "defaults",      "dev",          "diratime",
                                      "dirsync",       "exec",         "idmap",
                                      "iversion",      "lazytime",     "loud",
                                      "mand",          "noatime",      "nodev",
                                      "nodiratime",    "noexec",       "noiversion",
                                      "nolazytime",    "nomand",       "norelatime",
                                      "nostrictatime", "nosuid",       "nosymfollow",
                                      "private",       "ratime",       "rbind",
                                      "rdev",          "rdiratime",    "relatime",
                                      "remount",       "rexec",        "ridmap",
                                      "rnoatime",      "rnodev",       "rnodiratime",
                                      "rnoexec",       "rnorelatime",  "rnostrictatime",
                                      "rnosuid",       "rnosymfollow", "ro",
                                      "rprivate",      "rrelatime",    "rro",
                                      "rrw",           "rshared",      "rslave",
                                      "rstrictatime",  "rsuid",        "rsymfollow",
                                      "runbindable",   "rw",           "shared",
                                      "silent",        "slave",        "strictatime",
                                      "suid",          "symfollow",    "sync",
                                      "tmpcopyup",     "unbindable"};
  options.erase(std::remove_if(options.begin(), options.end(),
                               [](const std::string& option) { return !IsKnownOption(option); }),
                options.end());
  return options;
}

// Those of this kernel.
std::vector<std::string> CapabilityNames() {
  std::vector<std::string> names;
  for (cap_value_t value = 0; value < cap_max_bits(); ++value) {
    char* name = ::cap_to_name(value);
    if (!name) continue;
    names.push_back(absl::AsciiStrToUpper(name));
    ::cap_free(name);
  }
  return names;
}

// runtime/seccomp/profile.h says what differs from a filter without moat's below it.
Json SeccompFeatures() {
  return {{"enabled", true},
          {"actions",
           {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}},
          {"operators",
           {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
            "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"}},
          // Programs of other architectures do not run in moat; profiles may name them.
          {"archs", {"SCMP_ARCH_X86_64"}},
          {"knownFlags",
           {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}},
          {"supportedFlags",
           {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}}};
}

Json LinuxFeatures() {
  return {
      {"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}},
      {"capabilities", CapabilityNames()},
      {"cgroup",
       {{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", true}}},
      {"seccomp", SeccompFeatures()},
      {"apparmor", {{"enabled", true}}},
      {"selinux", {{"enabled", true}}},
      {"memoryPolicy",
       {{"modes",
         {"MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
          "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"}},
        {"flags", {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"}}}},
      {"intelRdt", {{"enabled", false}}},
      {"mountExtensions", {{"idmap", {{"enabled", true}}}}},
      {"netDevices", {{"enabled", true}}},
  };
}

absl::StatusOr<int> Features() {
  const Json features = {
      {"ociVersionMin", kOldestOciVersion},
      {"ociVersionMax", spec::kOciVersion},
      {"hooks",
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions", MountOptions()},
      {"linux", LinuxFeatures()},
      {"annotations",
       {{"moat.version", MOAT_VERSION}, {"org.opencontainers.runc.checkpoint.enabled", "false"}}},
      {"potentiallyUnsafeConfigAnnotations", Json::array()},
  };
  std::printf("%s\n", features.dump(2).c_str());
  return 0;
}

}  // namespace

Action ConfigureFeatures(CLI::App& app) {
  app.footer("\nExample:\n  moat features | jq .linux.seccomp");
  return [](const Context&) { return Features(); };
}

}  // namespace moat::cli
