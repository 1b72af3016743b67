// The container's configuration (OCI runtime-spec 1.3, config.md and config-linux.md) as plain
// values. `spec::Parse` (parse.h) makes one from config.json, `spec::Validate` (validate.h) checks
// what a type cannot say; `moat do` builds one itself.
//
// Names follow the JSON's. An optional is empty when the key is absent or null; a vector or map is
// empty then. Values are as written: paths are not resolved (rootfs and relative mount sources are
// relative to the bundle), capability and mount option names are not interpreted.
#ifndef MOAT_RUNTIME_SPEC_SPEC_H_
#define MOAT_RUNTIME_SPEC_SPEC_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace moat::spec {

inline constexpr char kOciVersion[] = "1.3.0";  // what we write, and the newest that we read

// ---- process ----

struct Box {
  uint64_t height = 0;  // characters
  uint64_t width = 0;
};

struct User {
  uid_t uid = 0;  // container ids, as inside the user namespace
  gid_t gid = 0;
  std::optional<mode_t> umask;
  std::vector<gid_t> additional_gids;
};

struct Rlimit {
  int resource = 0;   // RLIMIT_*
  std::string type;   // "RLIMIT_NOFILE"
  uint64_t soft = 0;  // RLIM_INFINITY is 2^64 - 1
  uint64_t hard = 0;
};

// Names as written ("CAP_CHOWN"); the set-up warns of names that the kernel does not have.
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
};

struct Scheduler {
  std::string policy;  // "SCHED_OTHER"
  int32_t nice = 0;
  int32_t priority = 0;
  std::vector<std::string> flags;
  uint64_t runtime = 0;  // nanoseconds, as deadline and period
  uint64_t deadline = 0;
  uint64_t period = 0;
};

struct IoPriority {
  std::string io_class;  // "IOPRIO_CLASS_BE"
  int32_t priority = 0;
};

struct ExecCpuAffinity {
  std::string initial;
  std::string final;
};

struct Process {
  bool terminal = false;
  std::optional<Box> console_size;
  std::string cwd;
  std::vector<std::string> env;  // "NAME=value"
  std::vector<std::string> args;
  User user;
  std::vector<Rlimit> rlimits;
  std::optional<Capabilities> capabilities;  // absent: none at all, as runc
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;  // absent: untouched
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

// ---- file system ----

struct Root {
  std::string path;
  bool readonly = false;
};

struct IdMapping {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

struct Mount {
  std::string destination;
  std::string type;    // "" or "none" for a bind
  std::string source;  // relative: to the bundle
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
};

// ---- hooks ----

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<int> timeout;  // seconds
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;

  bool empty() const {
    return prestart.empty() && create_runtime.empty() && create_container.empty() &&
           start_container.empty() && poststart.empty() && poststop.empty();
  }
};

// ---- linux ----

enum class NamespaceType { kPid, kNetwork, kMount, kIpc, kUts, kUser, kCgroup, kTime };

struct Namespace {
  NamespaceType type = NamespaceType::kPid;
  std::string path;  // "": a new one
};

struct TimeOffset {
  int64_t secs = 0;
  uint32_t nanosecs = 0;
};

struct Device {
  std::string path;
  char type = 'c';  // c, u, b or p
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<mode_t> file_mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};

struct DeviceRule {
  bool allow = false;
  char type = 'a';               // a, c or b
  std::optional<int64_t> major;  // absent or -1: all
  std::optional<int64_t> minor;
  std::string access;  // of r, w, m; "": all
};

struct MemoryLimits {
  std::optional<int64_t> limit;  // bytes; -1: none
  std::optional<int64_t> reservation;
  std::optional<int64_t> swap;  // memory + swap, as in cgroup v1
  std::optional<int64_t> kernel;
  std::optional<int64_t> kernel_tcp;
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  std::optional<bool> use_hierarchy;
  std::optional<bool> check_before_update;
};

struct CpuLimits {
  std::optional<uint64_t> shares;  // of cgroup v1: 2 to 262144
  std::optional<int64_t> quota;    // microseconds a period; -1: none
  std::optional<uint64_t> burst;
  std::optional<uint64_t> period;
  std::optional<int64_t> realtime_runtime;
  std::optional<uint64_t> realtime_period;
  std::string cpus;  // "0-3,7"
  std::string mems;
  std::optional<int64_t> idle;
};

struct PidsLimit {
  int64_t limit = 0;  // 0 is valid; -1: none
};

struct WeightDevice {
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint16_t> weight;
  std::optional<uint16_t> leaf_weight;
};

struct ThrottleDevice {
  int64_t major = 0;
  int64_t minor = 0;
  uint64_t rate = 0;
};

struct BlockIo {
  std::optional<uint16_t> weight;
  std::optional<uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> throttle_read_bps_device;
  std::vector<ThrottleDevice> throttle_write_bps_device;
  std::vector<ThrottleDevice> throttle_read_iops_device;
  std::vector<ThrottleDevice> throttle_write_iops_device;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit = 0;
};

struct InterfacePriority {
  std::string name;
  uint32_t priority = 0;
};

struct NetworkResources {
  std::optional<uint32_t> class_id;
  std::vector<InterfacePriority> priorities;
};

struct RdmaLimit {
  std::optional<uint32_t> hca_handles;
  std::optional<uint32_t> hca_objects;
};

struct Resources {
  std::vector<DeviceRule> devices;  // in order
  std::optional<MemoryLimits> memory;
  std::optional<CpuLimits> cpu;
  std::optional<PidsLimit> pids;
  std::optional<BlockIo> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<NetworkResources> network;
  std::map<std::string, RdmaLimit> rdma;
  std::map<std::string, std::string> unified;  // cgroup v2 file to value
};

struct SeccompArg {
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  std::string op;  // "SCMP_CMP_EQ"
};

struct SeccompSyscall {
  std::vector<std::string> names;
  std::string action;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  std::string default_action;
  std::optional<uint32_t> default_errno_ret;
  std::vector<std::string> architectures;
  std::vector<std::string> flags;
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompSyscall> syscalls;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
  std::vector<std::string> flags;
};

struct MemoryPolicy {
  std::string mode;
  std::string nodes;
  std::vector<std::string> flags;
};

struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_monitoring = false;
};

struct NetDevice {
  std::string name;  // in the container; "": as on the host
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  // "monotonic", "boottime"
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  // by host name
  std::string cgroups_path;
  std::optional<Resources> resources;
  std::string rootfs_propagation;  // "", shared, slave, private, unbindable
  std::optional<Seccomp> seccomp;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::map<std::string, std::string> sysctl;
  std::string mount_label;
  std::optional<Personality> personality;
  std::optional<MemoryPolicy> memory_policy;
  std::optional<IntelRdt> intel_rdt;

  // The entry of `type`, or null: the container keeps the caller's.
  const Namespace* FindNamespace(NamespaceType type) const {
    for (const Namespace& entry : namespaces) {
      if (entry.type == type) return &entry;
    }
    return nullptr;
  }
};

// ---- the whole ----

struct Spec {
  std::string oci_version;
  Root root;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;  // in order
  std::optional<Process> process;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux_config;  // the JSON's "linux" (a predefined macro in GNU mode)
};

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_SPEC_H_
