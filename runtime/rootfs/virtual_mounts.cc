#include "runtime/rootfs/virtual_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/types/span.h"
#include "base/status.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::rootfs {
namespace {

// The names directly in procfs, as of Linux 6.18; fs/proc, and what drivers and architectures add.
// Process numbers are not here: a symlink of the container that leads to /proc/<number> ends in
// ENOENT.
constexpr const char* kProcNames[] = {
    "acpi",          "allocinfo",    "asound",        "bootconfig",  "buddyinfo",
    "bus",           "cgroups",      "cmdline",       "config.gz",   "consoles",
    "cpuinfo",       "crypto",       "device-tree",   "devices",     "diskstats",
    "dma",           "driver",       "dynamic_debug", "execdomains", "fb",
    "filesystems",   "fs",           "i8k",           "interrupts",  "iomem",
    "ioports",       "irq",          "kallsyms",      "kcore",       "key-users",
    "keys",          "kmsg",         "kpagecgroup",   "kpagecount",  "kpageflags",
    "latency_stats", "loadavg",      "lock_stat",     "lockdep",     "lockdep_chains",
    "lockdep_stats", "locks",        "mdstat",        "meminfo",     "misc",
    "modules",       "mounts",       "mpt",           "mtd",         "mtrr",
    "net",           "pagetypeinfo", "partitions",    "pressure",    "profile",
    "sched_debug",   "schedstat",    "scsi",          "self",        "slabinfo",
    "softirqs",      "stat",         "swaps",         "sys",         "sysrq-trigger",
    "sysvipc",       "thread-self",  "timer_list",    "tty",         "uptime",
    "version",       "vmallocinfo",  "vmcore",        "vmstat",      "xen",
    "zoneinfo",
};

constexpr const char* kSysNames[] = {
    "block", "bus",        "class",  "dev",    "devices", "firmware",
    "fs",    "hypervisor", "kernel", "module", "power",
};

absl::Status MountLoops(const ContainerRoot& root, const std::string& path,
                        absl::Span<const char* const> names) {
  ASSIGN_OR_RETURN(const Fd mount,
                   NewMount("tmpfs", {{"source", path.substr(1)}, {"mode", "0555"}, {"size", "4k"}},
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  for (const char* name : names) {
    if (::symlinkat(name, mount.get(), name) < 0) return ErrnoStatus(errno, "symlinkat", name);
  }
  RETURN_IF_ERROR(SetAttributes(mount.get(), {MOUNT_ATTR_RDONLY, 0}, false, path));
  absl::StatusOr<Fd> target = root.Open(path, /*follow=*/false);
  if (StatusErrno(target.status()) == ENOENT) target = root.MakeDirectory(path, 0555);
  if (!target.ok()) return target.status();
  struct stat attributes;
  if (::fstat(target->get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  if (!S_ISDIR(attributes.st_mode)) {
    return Annotate(ErrnoStatus(ENOTDIR, "open", path),
                    "the root file system must have an ordinary directory here");
  }
  return Attach(mount.get(), target->get(), path);
}

}  // namespace

bool IsVirtual(absl::string_view path) { return IsWithin(path, "/proc") || IsWithin(path, "/sys"); }

SplitPaths SplitVirtual(const std::vector<std::string>& paths) {
  SplitPaths split;
  for (const std::string& path : paths) {
    const std::string clean = CleanPath(path);
    (IsVirtual(clean) ? split.for_sentry : split.in_tree).push_back(clean);
  }
  return split;
}

absl::Status MountVirtual(const ContainerRoot& root) {
  RETURN_IF_ERROR(MountLoops(root, "/proc", kProcNames));
  return MountLoops(root, "/sys", kSysNames);
}

}  // namespace moat::rootfs
