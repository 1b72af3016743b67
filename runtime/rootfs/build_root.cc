#include "runtime/rootfs/build_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/rootfs/config_mounts.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/rootfs/device_files.h"
#include "runtime/rootfs/masks.h"
#include "runtime/rootfs/mount_calls.h"
#include "runtime/rootfs/mount_table.h"
#include "runtime/rootfs/policy_files.h"
#include "runtime/rootfs/virtual_mounts.h"

namespace moat::rootfs {
namespace {

using namespaces::Handover;

constexpr size_t kMaxMountTable = 4 << 20;

uint64_t PropagationFlag(absl::string_view written) {
  if (written == "shared" || written == "rshared") return MS_SHARED;
  if (written == "slave" || written == "rslave") return MS_SLAVE;
  if (written == "unbindable" || written == "runbindable") return MS_UNBINDABLE;
  return 0;
}

// pivot_root(".", ".") stacks the old root on the new one, where it is detached (pivot_root(2),
// NOTES). With it goes the staging tmpfs.
absl::Status Pivot(int root, const spec::Spec& spec) {
  if (::fchdir(root) < 0) return ErrnoStatus(errno, "fchdir", "the root");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return ErrnoStatus(errno, "pivot_root", "the root");
  if (::umount2(".", MNT_DETACH) < 0) return ErrnoStatus(errno, "umount2", "the host's tree");
  if (::chdir("/") < 0) return ErrnoStatus(errno, "chdir", "/");
  if (uint64_t flag = PropagationFlag(spec.linux_config.rootfs_propagation); flag != 0) {
    return SetPropagation(root, flag, /*recursive=*/false, "linux.rootfsPropagation");
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> OpenProcSelf() {
  Fd self(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!self) return ErrnoStatus(errno, "open", "/proc/self");
  return self;
}

absl::StatusOr<std::vector<std::string>> ReadMountTable(int proc_self, const spec::Spec& spec) {
  Result<std::string> table = ReadFileAt(proc_self, "mountinfo", kMaxMountTable);
  if (!table.ok()) return ErrnoStatus(table.error().value(), "read", "/proc/self/mountinfo");
  return ContainerMountTable(*table, spec.mounts);
}

// The child's work, one named step after the other. Its descriptors are what a step leaves for the
// later ones.
class Builder {
 public:
  explicit Builder(const RootConfig& config) : config_(config) {}

  absl::StatusOr<BuiltRoot> Build() {
    RETURN_IF_ERROR(EnterNamespace());
    RETURN_IF_ERROR(TakeSources());
    RETURN_IF_ERROR(MountStaging());
    RETURN_IF_ERROR(MountRoot());
    RETURN_IF_ERROR(MountInside());
    RETURN_IF_ERROR(MakeDevices());
    RETURN_IF_ERROR(ProtectPaths());
    RETURN_IF_ERROR(Leave());
    return std::move(built_);
  }

 private:
  absl::Status EnterNamespace();
  absl::Status TakeSources();
  absl::Status MountStaging();
  absl::StatusOr<Fd> MakeRootMount();
  absl::Status MountRoot();
  absl::Status MountDefaultDev();
  absl::Status MountInside();
  absl::Status MakeDevices();
  absl::StatusOr<Fd> OpenNullDevice();
  absl::Status ProtectPaths();
  absl::Status Leave();

  // The mount of the config for `destination`, or null.
  const ConfigMount* FindMount(absl::string_view destination) const;

  const RootConfig& config_;
  Fd proc_self_;  // /proc/self, still good when /proc is gone
  std::vector<ConfigMount> mounts_;
  Fd root_tree_;   // spec.root.path, detached
  Fd staging_;     // our tmpfs
  Fd root_place_;  // the directory that the root is mounted on
  std::optional<ContainerRoot> root_;
  BuiltRoot built_;
};

absl::Status Builder::EnterNamespace() {
  ::umask(0);
  ASSIGN_OR_RETURN(proc_self_, OpenProcSelf());
  if (::unshare(CLONE_NEWNS) < 0) return ErrnoStatus(errno, "unshare", "mount namespace");
  // From here on nothing that we mount gets out, while copies of host mounts can still follow the
  // host where the config says "slave" or "shared".
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) {
    return ErrnoStatus(errno, "mount", "/ as slave");
  }
  return absl::OkStatus();
}

absl::Status Builder::TakeSources() {
  ASSIGN_OR_RETURN(mounts_, PrepareMounts(config_.spec, config_.bundle));
  if (config_.plan) return absl::OkStatus();
  const std::string& written = config_.spec.root.path;
  const std::string path =
      !written.empty() && written.front() == '/' ? written : config_.bundle + "/" + written;
  absl::StatusOr<Fd> tree = CopyTree(path, /*recursive=*/true);
  if (StatusErrno(tree.status()) == ENOENT) {
    return WithErrno(absl::NotFoundError(absl::StrCat(
                         "root.path: there is no ", path,
                         "; unpack a root file system there, or correct root.path in config.json")),
                     ENOENT);
  }
  if (!tree.ok()) return Annotate(tree.status(), "root.path");
  struct stat attributes;
  if (::fstat(tree->get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  if (!S_ISDIR(attributes.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "root.path: ", path, " is not a directory; unpack a root file system into one"));
  }
  root_tree_ = std::move(*tree);
  if (!config_.unfinished || CleanPath(path) == "/") return absl::OkStatus();
  // Where hooks look for it (config.md, "createContainer").
  root_place_.Reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_place_) return ErrnoStatus(errno, "open", path);
  return absl::OkStatus();
}

absl::Status Builder::MountStaging() {
  std::vector<FsParameter> parameters = {{"source", "moat"}, {"mode", "0755"}};
  if (config_.plan && config_.plan->upper_size > 0) {
    parameters.push_back({"size", absl::StrCat(config_.plan->upper_size)});
  }
  ASSIGN_OR_RETURN(staging_, NewMount("tmpfs", parameters, MOUNT_ATTR_NOSUID));
  const Fd target(::open(config_.staging.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!target) return ErrnoStatus(errno, "open", config_.staging);
  RETURN_IF_ERROR(Attach(staging_.get(), target.get(), config_.staging));
  if (::mkdirat(staging_.get(), "root", 0755) < 0) return ErrnoStatus(errno, "mkdirat", "root");
  if (!root_place_) {
    root_place_.Reset(::openat(staging_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  if (!root_place_) return ErrnoStatus(errno, "openat", "root");
  return absl::OkStatus();
}

absl::StatusOr<Fd> Builder::MakeRootMount() {
  if (config_.plan) return MakePlannedRoot(*config_.plan, staging_.get(), built_.uppers);
  RETURN_IF_ERROR(SetAttributes(root_tree_.get(), {MOUNT_ATTR_NODEV, 0}, true, "root.path"));
  return std::move(root_tree_);
}

absl::Status Builder::MountRoot() {
  ASSIGN_OR_RETURN(Fd tree, MakeRootMount());
  // With rootfsPropagation the host's later mounts show in the container; the other way never.
  const uint64_t kept = PropagationFlag(config_.spec.linux_config.rootfs_propagation);
  const bool follows = kept == MS_SLAVE || kept == MS_SHARED;
  RETURN_IF_ERROR(SetPropagation(tree.get(), follows ? MS_SLAVE : MS_PRIVATE, true, "the root"));
  RETURN_IF_ERROR(Attach(tree.get(), root_place_.get(), "the root"));
  root_.emplace(std::move(tree), *config_.ids.uid.ToHost(0), *config_.ids.gid.ToHost(0));
  if (!config_.plan) return absl::OkStatus();
  return FillPlannedRoot(*config_.plan, staging_.get(), *root_, built_.uppers);
}

const ConfigMount* Builder::FindMount(absl::string_view destination) const {
  const auto found = std::find_if(
      mounts_.begin(), mounts_.end(),
      [destination](const ConfigMount& mount) { return mount.destination == destination; });
  return found == mounts_.end() ? nullptr : &*found;
}

absl::Status Builder::MountDefaultDev() {
  ASSIGN_OR_RETURN(const Fd dev, NewMount("tmpfs",
                                          {{"source", "tmpfs"},
                                           {"mode", "0755"},
                                           {"size", "65536k"},
                                           {"uid", absl::StrCat(root_->owner())},
                                           {"gid", absl::StrCat(root_->group())}},
                                          MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME));
  ASSIGN_OR_RETURN(const Fd target, root_->MakeDirectory("/dev"));
  return Attach(dev.get(), target.get(), "/dev");
}

absl::Status Builder::MountInside() {
  RETURN_IF_ERROR(MountVirtual(*root_));
  if (!FindMount("/dev")) RETURN_IF_ERROR(MountDefaultDev());
  for (const ConfigMount& mount : mounts_) {
    ASSIGN_OR_RETURN(Fd target, AttachMount(mount, *root_, config_.ids));
    if (!target) continue;
    built_.queues.push_back({mount.destination, mount.options.attributes.set, std::move(target)});
  }
  return absl::OkStatus();
}

absl::Status Builder::MakeDevices() {
  const ConfigMount* dev = FindMount("/dev");
  if (!dev || dev->kind != ConfigMount::Kind::kBind) {
    RETURN_IF_ERROR(FillDev(*root_, config_.spec.linux_config, config_.ids));
  }
  const auto& process = config_.spec.process;
  if (!process || !process->terminal) return absl::OkStatus();
  const auto owner = config_.ids.uid.ToHost(process->user.uid);
  if (!owner) return absl::InvalidArgumentError("process.user.uid has no mapping");
  ASSIGN_OR_RETURN(built_.terminal, OpenTerminal(*root_, *owner, process->console_size));
  return absl::OkStatus();
}

// A node of our own making, out of the container's reach (CVE-2025-31133). In a user namespace,
// where none can be made, the caller's own: that is out of reach, too.
absl::StatusOr<Fd> Builder::OpenNullDevice() {
  const bool made = ::mknodat(staging_.get(), "null", S_IFCHR | 0666, ::makedev(1, 3)) == 0;
  if (!made && errno != EPERM) return ErrnoStatus(errno, "mknodat", "a null device");
  Fd device(made ? ::openat(staging_.get(), "null", O_PATH | O_NOFOLLOW | O_CLOEXEC)
                 : ::open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!device) return ErrnoStatus(errno, "open", "a null device");
  return device;
}

absl::Status Builder::ProtectPaths() {
  const spec::Linux& config = config_.spec.linux_config;
  ASSIGN_OR_RETURN(const Fd null_device, OpenNullDevice());
  for (const std::string& path : SplitVirtual(config.readonly_paths).in_tree) {
    RETURN_IF_ERROR(Annotate(MakeReadOnly(*root_, path), "linux.readonlyPaths"));
  }
  for (const std::string& path : SplitVirtual(config.masked_paths).in_tree) {
    RETURN_IF_ERROR(Annotate(MaskPath(*root_, path, null_device.get()), "linux.maskedPaths"));
  }
  if (config_.policy != nullptr) {
    RETURN_IF_ERROR(Annotate(
        ApplyFileRules(*root_, *config_.policy, proc_self_.get(), null_device.get()), "policy"));
  }
  if (!config_.spec.root.readonly) return absl::OkStatus();
  return SetAttributes(root_->fd(), {MOUNT_ATTR_RDONLY, 0}, false, "the root");
}

absl::Status Builder::Leave() {
  built_.mount_namespace.Reset(::openat(proc_self_.get(), "ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!built_.mount_namespace) return ErrnoStatus(errno, "openat", "/proc/self/ns/mnt");
  if (config_.unfinished) {
    built_.unfinished_root = root_->Release();
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Pivot(root_->fd(), config_.spec));
  ASSIGN_OR_RETURN(built_.mount_table, ReadMountTable(proc_self_.get(), config_.spec));
  return absl::OkStatus();
}

// The results in the order that Unpack takes them.
Handover Pack(BuiltRoot built) {
  Handover handover;
  handover.values = {{"mount_table", built.mount_table},
                     {"terminal", built.terminal.master.valid()},
                     {"unfinished", built.unfinished_root.valid()},
                     {"uppers", nlohmann::json::array()},
                     {"queues", nlohmann::json::array()}};
  handover.fds.push_back(std::move(built.mount_namespace));
  if (built.terminal.master) {
    handover.fds.push_back(std::move(built.terminal.master));
    handover.fds.push_back(std::move(built.terminal.slave));
  }
  if (built.unfinished_root) handover.fds.push_back(std::move(built.unfinished_root));
  for (UpperLayer& upper : built.uppers) {
    handover.values["uppers"].push_back(upper.destination);
    handover.fds.push_back(std::move(upper.directory));
  }
  for (QueueMount& queue : built.queues) {
    handover.values["queues"].push_back({queue.destination, queue.attributes});
    handover.fds.push_back(std::move(queue.target));
  }
  return handover;
}

absl::StatusOr<BuiltRoot> Unpack(Handover handover) {
  BuiltRoot built;
  const bool terminal = handover.values["terminal"].get<bool>();
  const bool unfinished = handover.values["unfinished"].get<bool>();
  const auto& uppers = handover.values["uppers"];
  const auto& queues = handover.values["queues"];
  if (handover.fds.size() !=
      1 + (terminal ? 2 : 0) + (unfinished ? 1 : 0) + uppers.size() + queues.size()) {
    return absl::InternalError("the root's builder sent the wrong number of descriptors");
  }
  auto next = handover.fds.begin();
  built.mount_table = handover.values["mount_table"].get<std::vector<std::string>>();
  built.mount_namespace = std::move(*next++);
  if (terminal) {
    built.terminal.master = std::move(*next++);
    built.terminal.slave = std::move(*next++);
  }
  if (unfinished) built.unfinished_root = std::move(*next++);
  for (const auto& destination : uppers) {
    built.uppers.push_back({destination.get<std::string>(), std::move(*next++)});
  }
  for (const auto& queue : queues) {
    built.queues.push_back(
        {queue[0].get<std::string>(), queue[1].get<uint64_t>(), std::move(*next++)});
  }
  return built;
}

absl::Status EnterMountNamespace(const BuiltRoot& built) {
  if (::setns(built.mount_namespace.get(), CLONE_NEWNS) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "setns", "mount namespace");
}

absl::StatusOr<Handover> FinishInChild(const spec::Spec& spec, const BuiltRoot& built,
                                       const std::function<absl::Status()>& before_pivot) {
  RETURN_IF_ERROR(EnterMountNamespace(built));
  ASSIGN_OR_RETURN(const Fd proc_self, OpenProcSelf());
  RETURN_IF_ERROR(before_pivot());
  RETURN_IF_ERROR(Pivot(built.unfinished_root.get(), spec));
  ASSIGN_OR_RETURN(const std::vector<std::string> table, ReadMountTable(proc_self.get(), spec));
  return Handover{table, {}};
}

absl::StatusOr<Handover> MountQueuesInChild(const BuiltRoot& built, int ipc_namespace) {
  if (::setns(ipc_namespace, CLONE_NEWIPC) < 0) return ErrnoStatus(errno, "setns", "IPC namespace");
  RETURN_IF_ERROR(EnterMountNamespace(built));
  for (const QueueMount& queue : built.queues) {
    ASSIGN_OR_RETURN(const Fd made, NewMount("mqueue", {{"source", "mqueue"}}, queue.attributes));
    RETURN_IF_ERROR(Attach(made.get(), queue.target.get(), queue.destination));
  }
  return Handover();
}

}  // namespace

absl::StatusOr<namespaces::ChildStep> StartRoot(const RootConfig& config) {
  return namespaces::ChildStep::Start([&config]() -> absl::StatusOr<Handover> {
    ASSIGN_OR_RETURN(BuiltRoot built, Builder(config).Build());
    return Pack(std::move(built));
  });
}

absl::StatusOr<BuiltRoot> TakeRoot(namespaces::ChildStep& building) {
  ASSIGN_OR_RETURN(Handover handover, building.Finish());
  return Unpack(std::move(handover));
}

absl::Status FinishRoot(const spec::Spec& spec, BuiltRoot& built,
                        const std::function<absl::Status()>& before_pivot) {
  ASSIGN_OR_RETURN(const Handover handover, namespaces::RunInChild([&] {
                     return FinishInChild(spec, built, before_pivot);
                   }));
  built.mount_table = handover.values.get<std::vector<std::string>>();
  built.unfinished_root.Reset();
  return absl::OkStatus();
}

absl::StatusOr<namespaces::ChildStep> StartQueues(const BuiltRoot& built, int ipc_namespace) {
  return namespaces::ChildStep::Start([&] { return MountQueuesInChild(built, ipc_namespace); });
}

}  // namespace moat::rootfs
