// Every file of /proc and /sys that Debian's common programs read is there, can be read twice with
// the same head, and cannot be written by an ordinary user.
#include <unistd.h>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

constexpr const char* kOfProcess[] = {
    "auxv",
    "cgroup",
    "cmdline",
    "comm",
    "coredump_filter",
    "environ",
    "fdinfo/0",
    "limits",
    "loginuid",
    "maps",
    "mountinfo",
    "mounts",
    "mountstats",
    "net/dev",
    "net/if_inet6",
    "net/netstat",
    "net/protocols",
    "net/route",
    "net/snmp",
    "net/sockstat",
    "net/tcp",
    "net/tcp6",
    "net/udp",
    "net/udp6",
    "net/unix",
    "numa_maps",
    "oom_adj",
    "oom_score",
    "oom_score_adj",
    "personality",
    "sched",
    "schedstat",
    "sessionid",
    "smaps",
    "smaps_rollup",
    "stack",
    "stat",
    "statm",
    "status",
    "syscall",
    "timers",
    "timerslack_ns",
    "uid_map",
    "gid_map",
    "setgroups",
    "wchan",
    "io",
    "cpuset",
    "task/self/stat",
    "task/self/status",
    "task/self/comm",
};
constexpr const char* kOfSystem[] = {
    "cmdline",
    "cpuinfo",
    "devices",
    "diskstats",
    "filesystems",
    "interrupts",
    "loadavg",
    "meminfo",
    "misc",
    "partitions",
    "softirqs",
    "stat",
    "swaps",
    "uptime",
    "version",
    "vmstat",
    "cgroups",
    "sys/kernel/osrelease",
    "sys/kernel/ostype",
    "sys/kernel/version",
    "sys/kernel/hostname",
    "sys/kernel/domainname",
    "sys/kernel/pid_max",
    "sys/kernel/threads-max",
    "sys/kernel/random/boot_id",
    "sys/kernel/random/entropy_avail",
    "sys/kernel/cap_last_cap",
    "sys/kernel/ngroups_max",
    "sys/kernel/shmmax",
    "sys/kernel/shmall",
    "sys/kernel/shmmni",
    "sys/kernel/msgmax",
    "sys/kernel/msgmnb",
    "sys/kernel/msgmni",
    "sys/kernel/sem",
    "sys/kernel/core_pattern",
    "sys/kernel/overflowuid",
    "sys/vm/overcommit_memory",
    "sys/vm/max_map_count",
    "sys/vm/mmap_min_addr",
    "sys/vm/swappiness",
    "sys/fs/file-max",
    "sys/fs/file-nr",
    "sys/fs/nr_open",
    "sys/fs/pipe-max-size",
    "sys/fs/inotify/max_user_watches",
    "sys/fs/inotify/max_user_instances",
    "sys/net/core/somaxconn",
    "sys/net/ipv4/ip_local_port_range",
    "sys/net/ipv4/tcp_rmem",
    "sys/net/ipv4/ip_unprivileged_port_start",
    "sys/net/ipv4/ping_group_range",
    "sys/net/ipv6/conf/all/disable_ipv6",
    "sysvipc/shm",
    "sysvipc/sem",
    "sysvipc/msg",

    "thread-self/stat",
};
constexpr const char* kOfSys[] = {
    "devices/system/cpu/online",
    "devices/system/cpu/possible",
    "devices/system/cpu/present",
    "devices/system/cpu/kernel_max",
    "devices/system/cpu/cpu0/topology/core_id",
    "devices/system/cpu/cpu0/topology/physical_package_id",
    "devices/system/cpu/cpu0/topology/thread_siblings_list",
    "devices/system/cpu/cpu0/topology/core_siblings_list",
    "devices/system/node/online",
    "devices/system/node/possible",
    "kernel/mm/transparent_hugepage/enabled",
    "kernel/mm/transparent_hugepage/hpage_pmd_size",
    "class/net/lo/mtu",
    "class/net/lo/address",
    "class/net/lo/operstate",
    "class/net/lo/flags",
    "class/net/lo/ifindex",
    "class/net/lo/type",
    "class/net/lo/statistics/rx_bytes",
};
std::vector<std::string> Paths() {
  std::vector<std::string> paths;
  for (const char* name : kOfProcess) paths.push_back(std::string("/proc/self/") + name);
  for (const char* name : kOfSystem) paths.push_back(std::string("/proc/") + name);
  for (const char* name : kOfSys) paths.push_back(std::string("/sys/") + name);
  return paths;
}

class ProcFiles : public ::testing::TestWithParam<std::string> {
 protected:
  // With "task/self" for the only thread.
  static std::string Path() {
    std::string path = GetParam();
    if (const size_t at = path.find("task/self"); at != std::string::npos) {
      path.replace(at, 9, "task/" + std::to_string(gettid()));
    }
    return path;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, ProcFiles, ::testing::ValuesIn(Paths()), [](const auto& of) {
  std::string name;
  for (const char c : of.param) name += isalnum(c) ? c : '_';
  return name;
});

TEST_P(ProcFiles, IsThereAsAFile) {
  struct stat attributes {};
  ASSERT_SUCCESS(stat(Path().c_str(), &attributes)) << Path();
  EXPECT_TRUE(S_ISREG(attributes.st_mode));
}
TEST_P(ProcFiles, IsReadWholeAndInParts) {
  // Again when they differ: some tell numbers that change all the time (file-nr).
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    Fd file(open(Path().c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file.valid()) << Path() << " " << NameOfErrno(errno);
    char byte;
    const ssize_t first = read(file.get(), &byte, 1);
    ASSERT_NE(-1, first) << NameOfErrno(errno);
    if (first != 1) return;
    const std::string whole = ReadFile(Path());
    ASSERT_FALSE(whole.empty());
    if (whole[0] == byte) return;
    ASSERT_LT(attempt, kAttempts) << whole[0] << " is not " << byte;
  }
}
TEST_P(ProcFiles, AccessTellsWhatOpenDoes) {
  const bool opens = Fd(open(Path().c_str(), O_RDONLY | O_CLOEXEC)).valid();
  EXPECT_EQ(opens, access(Path().c_str(), R_OK) == 0);
}

}  // namespace
}  // namespace moat::conformance
