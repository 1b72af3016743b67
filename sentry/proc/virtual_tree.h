// The container's /proc and /sys as the workload sees them: one virtual tree of names, attributes
// and generators.
//
// A regular file is a sealed memfd snapshot made at open; a directory is a real directory of the
// sentry's own tmpfs, synchronised at open, so that getdents is native and a directory descriptor
// is mapped back by (dev, ino). No procfs or sysfs descriptor ever reaches the workload.
// Thread-safe.
#ifndef MOAT_SENTRY_PROC_VIRTUAL_TREE_H_
#define MOAT_SENTRY_PROC_VIRTUAL_TREE_H_

#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

// Who asks: decides what "self" is and which tasks' secrets may be read (ptrace_may_access as far
// as it concerns /proc).
struct Viewer {
  const TaskInfo* task = nullptr;
};

// The walk left the tree through a magic link (cwd, root, exe, fd/N), an absolute symlink, or "..":
// go on with `rest` (no leading slash) from `base`. Without a base: go on with the absolute path
// `rest` from the caller's root.
//
// An empty `rest` with a base stands for the file itself. open(2) then makes a *new* open file
// description with the caller's flags (for fd/N: of whatever the descriptor is; ENXIO for a
// socket), and any other call acts on `base` as with AT_EMPTY_PATH. A base from fd/N is a duplicate
// with the target's open modes (pidfd_getfd), others are O_PATH. "." stands for the same where only
// a directory will do. The tree has checked that the viewer may follow the link; what lies behind
// it is checked by whoever goes on.
//
// With `is_node` no link was followed: base and rest name the kernel's own file behind the node
// itself, to be opened with the caller's flags and credentials (comm for writing, for one).
struct LeftTree {
  Fd base;
  std::string rest;
  bool is_node = false;
};

struct VirtualOpened {
  Fd fd;  // for the caller's table
};

template <typename T>
using VirtualResult = std::variant<T, Errno, LeftTree>;

// What the tree needs to know of the container; filled at boot, constant afterwards.
struct TreeConfig {
  int proc_a = -1;  // the sentry's own procfs (P_A numbers), a directory descriptor; borrowed
  int proc_b = -1;  // procfs of P_B; borrowed
  int tmpfs = -1;   // an empty directory of the sentry's tmpfs for virtual directories; borrowed
  std::string hostname;
  double cpus = 0;  // CPU limit in cores, 0: none; shows in cpuinfo, stat, cpu.max, online
  uint64_t memory_limit = 0;  // bytes, 0: none; shows in meminfo, memory.max
  int64_t pids_limit = 0;     // 0: none
  std::vector<int> cpu_set;   // CPUs that the container may use, empty: all of the affinity mask
  // Directory descriptors of the workload's cgroup, by what is read there: `cgroup_cpu` for the time
  // used, `cgroup_cpu_limit` for its limit (two hierarchies in cgroup v1). -1 where unknown.
  // Borrowed, read only.
  int cgroup_memory = -1, cgroup_cpu = -1, cgroup_cpu_limit = -1, cgroup_cpuset = -1;
  int cgroup_pids = -1;
  std::vector<std::string>
      mounts;  // lines of the container's mount table in mountinfo(5) form, container paths only
  std::vector<std::string> masked_paths;  // OCI maskedPaths under /proc and /sys: read as empty
                                          // (file) or as an empty directory
  std::vector<std::string> readonly_paths;
  // A mount of the same tmpfs directory, read-only, that callers' directory descriptors are opened
  // through; it should be a detached mount of its own, so that ".." leads nowhere. -1: `tmpfs`.
  int tmpfs_view = -1;
  // The directory of the container that a task's root (a directory of the stub's tmpfs) stands for;
  // an empty Fd for the container's root. Thread-safe.
  std::function<Result<Fd>(const struct stat& root)> root_behind =
      [](const struct stat&) -> Result<Fd> { return Fd(); };
  // st_dev and st_ino of the stub, whose mappings are left out; 0: none.
  uint64_t stub_device = 0, stub_inode = 0;
  // Values under /proc/sys that the configuration sets, by path there ("net/ipv4/ip_forward").
  std::map<std::string, std::string> sysctls;
};

class VirtualTree {
 public:
  virtual ~VirtualTree() = default;

  // `path` is absolute ("/proc/self/status"), may hold "..", "." and doubled slashes, and starts in
  // /proc or /sys lexically. open(2) with the caller's flags. O_CREAT on a missing name: EACCES or
  // ENOENT as procfs answers. No node can be opened for
  // writing, since a write to a snapshot would not be seen: EROFS in /sys, /proc/sys and
  // readonly_paths, else EACCES; but for those that the table says otherwise of (Writing). O_PATH
  // gives an O_PATH descriptor. A link in the last place with O_NOFOLLOW is ELOOP, but with O_PATH
  // the descriptor is the link's own (PathOfLink).
  virtual VirtualResult<VirtualOpened> Open(const Viewer& viewer, absl::string_view path,
                                            uint64_t flags) = 0;
  // The identity (stx_dev_*, stx_ino) is the one that the next Open by the same thread group will
  // show. stx_size is 0 in /proc and 4096 in /sys as Linux shows them, while a native fstat(2) of
  // the opened snapshot shows how many bytes it holds.
  virtual VirtualResult<struct statx> Stat(const Viewer& viewer, absl::string_view path,
                                           bool follow) = 0;
  virtual VirtualResult<std::string> ReadLink(const Viewer& viewer, absl::string_view path) = 0;
  // access(2): for the viewer's real ids.
  virtual VirtualResult<Unit> Access(const Viewer& viewer, absl::string_view path, int mode,
                                     bool follow) = 0;
  // Everything that would change the tree (mkdir, unlink, rename, chmod, ...): what Linux's procfs
  // answers for that node (ENOENT, EPERM, EACCES); never succeeds.
  // `follow`: as the call does with a last link (chmod follows, unlink does not).
  virtual VirtualResult<Unit> Modify(const Viewer& viewer, absl::string_view path,
                                     bool follow = false) = 0;
  // Whether a directory descriptor with this identity (statx stx_dev_*, stx_ino) is one of the
  // tree's; its virtual path then.
  virtual std::optional<std::string> PathOfDirectory(const struct statx& attributes) = 0;
  // Whether a descriptor is one of a link of the tree; the virtual path of that link then.
  virtual std::optional<std::string> PathOfLink(const Fd& fd) = 0;
  // Whether an open file with this identity is a snapshot of the tree; a fresh snapshot of the same
  // node then (for lseek(fd, 0, SEEK_SET)). Errno ENOENT: not ours, or of a kind that is not
  // re-read.
  virtual Result<Fd> Refresh(const Viewer& viewer, const struct statx& attributes) = 0;
  // sysinfo(2), of the container: what meminfo, loadavg and uptime say.
  virtual struct sysinfo SystemInfo() = 0;
  // statfs(2) magic of a node by identity: PROC_SUPER_MAGIC, SYSFS_MAGIC; 0 when not ours.
  virtual long MagicOf(const struct statx& attributes) = 0;
};

absl::StatusOr<std::unique_ptr<VirtualTree>> MakeVirtualTree(TreeConfig config);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_VIRTUAL_TREE_H_
