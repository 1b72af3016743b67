#include "runtime/rootfs/config_mounts.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "runtime/rootfs/copy_up.h"
#include "runtime/rootfs/id_mapped.h"
#include "runtime/rootfs/mount_calls.h"
#include "runtime/rootfs/virtual_mounts.h"

namespace moat::rootfs {
namespace {

using Kind = ConfigMount::Kind;

// The host's own tree on the same place, as Podman writes it for a container with the host's
// network or processes: moat shows its own there anyway.
bool BindsHostsTree(const spec::Mount& mount) {
  const std::string source = CleanPath(mount.source);
  return !mount.source.empty() && mount.source.front() == '/' &&
         source == CleanPath(mount.destination) &&
         (source == "/proc" || source == "/sys" || source == "/sys/fs/cgroup");
}

Kind KindOf(const spec::Mount& mount, const MountOptions& options) {
  if (options.remount)
    return IsVirtual(CleanPath(mount.destination)) ? Kind::kVirtual : Kind::kRemount;
  if ((options.bind || mount.type == "bind") && BindsHostsTree(mount)) return Kind::kVirtual;
  if (options.bind || mount.type == "bind") return Kind::kBind;
  if (mount.type == "mqueue") return Kind::kQueue;
  if (mount.type == "proc" || mount.type == "sysfs" || mount.type == "cgroup" ||
      mount.type == "cgroup2") {
    return Kind::kVirtual;
  }
  return Kind::kFilesystem;
}

// The sentry serves procfs and sysfs in their usual places, and there nothing else.
absl::Status CheckPlace(const ConfigMount& mount) {
  if (mount.kind == Kind::kRemount) return absl::OkStatus();
  if (mount.destination == "/") {
    return absl::InvalidArgumentError("nothing can be mounted on /; set root.path");
  }
  if (mount.kind != Kind::kVirtual) {
    if (!IsVirtual(mount.destination)) return absl::OkStatus();
    return absl::UnimplementedError("mounts in /proc and /sys are not supported");
  }
  if (mount.options.remount || mount.options.bind || mount.type == "bind") return absl::OkStatus();
  const bool usual = mount.type == "proc"    ? mount.destination == "/proc"
                     : mount.type == "sysfs" ? mount.destination == "/sys"
                                             : mount.destination == "/sys/fs/cgroup";
  if (usual) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("a ", mount.type, " mount is only supported in its usual place"));
}

absl::Status TakeSource(ConfigMount& mount, const std::string& bundle) {
  if (mount.source_name.empty()) return absl::InvalidArgumentError("a bind mount needs a source");
  const std::string path = mount.source_name.front() == '/'
                               ? mount.source_name
                               : absl::StrCat(bundle, "/", mount.source_name);
  ASSIGN_OR_RETURN(mount.source, CopyTree(path, mount.options.recursive));
  struct stat attributes;
  if (::fstat(mount.source.get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  mount.source_type = attributes.st_mode & S_IFMT;
  return absl::OkStatus();
}

absl::Status CheckRemount(const ConfigMount& mount) {
  if (mount.kind != Kind::kRemount) return absl::OkStatus();
  if (!mount.options.parameters.empty()) {
    return absl::UnimplementedError(absl::StrCat("remount changes the flags of a mount only, not '",
                                                 mount.options.parameters.front().key,
                                                 "' of its file system"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ConfigMount> Prepare(const spec::Mount& mount, const spec::Linux& config,
                                    const std::string& bundle) {
  ConfigMount prepared;
  prepared.type = mount.type;
  prepared.destination = CleanPath(mount.destination);
  prepared.source_name = mount.source;
  prepared.options = ParseMountOptions(mount.options);
  prepared.kind = KindOf(mount, prepared.options);
  prepared.label = config.mount_label;
  RETURN_IF_ERROR(CheckPlace(prepared));
  RETURN_IF_ERROR(CheckRemount(prepared));
  if (prepared.options.copy_up && prepared.type != "tmpfs") {
    return absl::InvalidArgumentError("tmpcopyup is an option of a tmpfs");
  }
  if (prepared.options.id_mapped || !mount.uid_mappings.empty() || !mount.gid_mappings.empty()) {
    ASSIGN_OR_RETURN(prepared.id_map, MappingsOf(mount, config));
  }
  if (prepared.kind == Kind::kBind) RETURN_IF_ERROR(TakeSource(prepared, bundle));
  return prepared;
}

// Before it is attached: only a detached mount can be mapped.
absl::Status ShowById(const ConfigMount& mount, int made) {
  if (!mount.id_map) return absl::OkStatus();
  return MapIds(made, *mount.id_map, mount.options.id_mapped_recursive, mount.field);
}

absl::Status FinishBind(const ConfigMount& mount) {
  const MountOptions& options = mount.options;
  const int tree = mount.source.get();
  RETURN_IF_ERROR(ShowById(mount, tree));
  const bool device = mount.source_type == S_IFCHR || mount.source_type == S_IFBLK;
  if (!device && !options.asks_for_devices) {
    RETURN_IF_ERROR(SetAttributes(tree, {MOUNT_ATTR_NODEV, 0}, true, mount.field));
  }
  RETURN_IF_ERROR(SetAttributes(tree, options.attributes, false, mount.field));
  RETURN_IF_ERROR(SetAttributes(tree, options.recursive_attributes, true, mount.field));
  // Mounts made on the host later show in the container only where the config asks for it.
  if (options.propagation == 0) return SetPropagation(tree, MS_PRIVATE, true, mount.field);
  return SetPropagation(tree, options.propagation, options.propagation_recursive, mount.field);
}

// uid= and gid= of a file system are container ids in the config and the caller's for the kernel.
absl::Status TranslateOwner(FsParameter& parameter, const namespaces::IdMap& ids) {
  uint32_t id;
  if (!parameter.value || !absl::SimpleAtoi(*parameter.value, &id)) return absl::OkStatus();
  const auto host = ids.ToHost(id);
  if (!host) {
    return absl::InvalidArgumentError(
        absl::StrCat("the option ", parameter.key, "=", id, " has no mapping"));
  }
  parameter.value = absl::StrCat(*host);
  return absl::OkStatus();
}

bool Has(const std::vector<FsParameter>& parameters, absl::string_view key) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [key](const FsParameter& parameter) { return parameter.key == key; });
}

absl::StatusOr<std::vector<FsParameter>> Parameters(const ConfigMount& mount,
                                                    const namespaces::IdMaps& ids) {
  std::vector<FsParameter> parameters;
  if (!mount.source_name.empty()) parameters.push_back({"source", mount.source_name});
  parameters.insert(parameters.end(), mount.options.parameters.begin(),
                    mount.options.parameters.end());
  for (FsParameter& parameter : parameters) {
    if (parameter.key == "uid") RETURN_IF_ERROR(TranslateOwner(parameter, ids.uid));
    if (parameter.key == "gid") RETURN_IF_ERROR(TranslateOwner(parameter, ids.gid));
  }
  // process.selinuxLabel's counterpart for files (mount(8), "context=").
  if (!mount.label.empty() && !Has(parameters, "context")) {
    parameters.push_back({"context", mount.label});
  }
  if (mount.type == "tmpfs") {
    if (!Has(parameters, "uid")) parameters.push_back({"uid", absl::StrCat(*ids.uid.ToHost(0))});
    if (!Has(parameters, "gid")) parameters.push_back({"gid", absl::StrCat(*ids.gid.ToHost(0))});
  }
  return parameters;
}

// `target`: what it is to be mounted on.
absl::StatusOr<Fd> MakeFilesystem(const ConfigMount& mount, int target, bool target_is_new,
                                  const namespaces::IdMaps& ids) {
  const std::string type = mount.type.empty() ? "none" : mount.type;
  ASSIGN_OR_RETURN(std::vector<FsParameter> parameters, Parameters(mount, ids));
  if (type == "tmpfs" && !target_is_new && !Has(parameters, "mode")) {
    // As the directory that it covers, as runc.
    struct stat attributes;
    if (::fstat(target, &attributes) < 0) return ErrnoStatus(errno, "fstat", mount.destination);
    parameters.push_back({"mode", absl::StrFormat("%o", attributes.st_mode & 07777)});
  }
  ASSIGN_OR_RETURN(Fd made, NewMount(type, parameters, mount.options.attributes.set));
  if (mount.options.copy_up) RETURN_IF_ERROR(Annotate(CopyUp(target, made.get()), "tmpcopyup"));
  RETURN_IF_ERROR(ShowById(mount, made.get()));
  RETURN_IF_ERROR(
      SetAttributes(made.get(), mount.options.recursive_attributes, false, mount.field));
  if (mount.options.propagation != 0) {
    RETURN_IF_ERROR(SetPropagation(made.get(), mount.options.propagation, false, mount.field));
  }
  return made;
}

absl::Status Remount(const ConfigMount& mount, const ContainerRoot& root) {
  ASSIGN_OR_RETURN(const Fd target, root.Open(mount.destination));
  const MountOptions& options = mount.options;
  absl::Status status = SetAttributes(target.get(), options.attributes, false, mount.field);
  if (StatusErrno(status) == EINVAL) return Annotate(status, "nothing is mounted there to remount");
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(SetAttributes(target.get(), options.recursive_attributes, true, mount.field));
  if (options.propagation == 0) return absl::OkStatus();
  return SetPropagation(target.get(), options.propagation, options.propagation_recursive,
                        mount.field);
}

absl::StatusOr<Fd> Attached(const ConfigMount& mount, const ContainerRoot& root,
                            const namespaces::IdMaps& ids) {
  switch (mount.kind) {
    case Kind::kRemount:
      RETURN_IF_ERROR(Remount(mount, root));
      return Fd();
    case Kind::kVirtual:
      return Fd();
    case Kind::kQueue:
      return root.MakeDirectory(mount.destination);
    case Kind::kBind: {
      RETURN_IF_ERROR(FinishBind(mount));
      ASSIGN_OR_RETURN(const Fd target, mount.source_type == S_IFDIR
                                            ? root.MakeDirectory(mount.destination)
                                            : root.MakeFile(mount.destination));
      RETURN_IF_ERROR(Attach(mount.source.get(), target.get(), mount.destination));
      return Fd();
    }
    case Kind::kFilesystem: {
      const bool is_new = StatusErrno(root.Open(mount.destination).status()) == ENOENT;
      ASSIGN_OR_RETURN(const Fd target, root.MakeDirectory(mount.destination));
      ASSIGN_OR_RETURN(const Fd made, MakeFilesystem(mount, target.get(), is_new, ids));
      RETURN_IF_ERROR(Attach(made.get(), target.get(), mount.destination));
      return Fd();
    }
  }
  return absl::InternalError("unknown kind of mount");
}

}  // namespace

absl::StatusOr<std::vector<ConfigMount>> PrepareMounts(const spec::Spec& spec,
                                                       const std::string& bundle) {
  const std::vector<spec::Mount>& mounts = spec.mounts;
  std::vector<ConfigMount> all;
  for (size_t i = 0; i < mounts.size(); ++i) {
    const std::string field = absl::StrCat("mounts[", i, "] (", mounts[i].destination, ")");
    absl::StatusOr<ConfigMount> prepared = Prepare(mounts[i], spec.linux_config, bundle);
    if (!prepared.ok()) return Annotate(prepared.status(), field);
    prepared->field = field;
    all.push_back(std::move(*prepared));
  }
  return all;
}

absl::StatusOr<Fd> AttachMount(const ConfigMount& mount, const ContainerRoot& root,
                               const namespaces::IdMaps& ids) {
  absl::StatusOr<Fd> target = Attached(mount, root, ids);
  if (!target.ok()) return Annotate(target.status(), mount.field);
  return target;
}

}  // namespace moat::rootfs
