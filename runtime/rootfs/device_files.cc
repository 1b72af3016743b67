#include "runtime/rootfs/device_files.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::rootfs {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major, minor;
};

// linux/Documentation/admin-guide/devices.txt
constexpr DefaultDevice kDefaultDevices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

struct Link {
  const char* path;
  const char* target;
};

constexpr Link kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},
};

absl::Status MakeDevice(const ContainerRoot& root, absl::string_view path, mode_t mode,
                        dev_t device, uid_t owner, gid_t group) {
  absl::StatusOr<Fd> existing = root.Open(path, /*follow=*/false);
  if (StatusErrno(existing.status()) == ENOENT) {
    return root.MakeNode(path, mode, device, owner, group);
  }
  if (!existing.ok()) return existing.status();
  struct stat attributes;
  if (::fstat(existing->get(), &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  if ((attributes.st_mode & S_IFMT) != (mode & S_IFMT) || attributes.st_rdev != device) {
    return Annotate(ErrnoStatus(EEXIST, "mknod", path), "another file is already there");
  }
  return absl::OkStatus();
}

// A user namespace may not make device nodes (mknod(2)), but show those that it sees.
absl::Status ShowOwnDevice(const ContainerRoot& root, const char* path) {
  ASSIGN_OR_RETURN(const Fd device, CopyTree(path, /*recursive=*/false));
  ASSIGN_OR_RETURN(const Fd target, root.MakeFile(path));
  return Attach(device.get(), target.get(), path);
}

absl::StatusOr<mode_t> TypeBits(char type) {
  switch (type) {
    case 'c':
    case 'u':
      return S_IFCHR;
    case 'b':
      return S_IFBLK;
    case 'p':
      return S_IFIFO;
    default:
      return absl::InvalidArgumentError(absl::StrCat("unknown type '", std::string(1, type), "'"));
  }
}

absl::Status MakeConfigured(const ContainerRoot& root, const spec::Device& device,
                            const namespaces::IdMaps& ids) {
  const std::string path = CleanPath(device.path);
  if (!IsWithin(path, "/dev") || path == "/dev") {
    return absl::UnimplementedError("only paths below /dev are supported");
  }
  ASSIGN_OR_RETURN(const mode_t type, TypeBits(device.type));
  const auto owner = ids.uid.ToHost(device.uid.value_or(0));
  const auto group = ids.gid.ToHost(device.gid.value_or(0));
  if (!owner || !group) return absl::InvalidArgumentError("the owner has no mapping");
  const dev_t number = type == S_IFIFO ? 0
                                       : ::makedev(static_cast<unsigned>(device.major),
                                                   static_cast<unsigned>(device.minor));
  const mode_t mode = device.file_mode.value_or(0666) & 07777;
  return MakeDevice(root, path, type | mode, number, *owner, *group);
}

}  // namespace

absl::Status FillDev(const ContainerRoot& root, const spec::Linux& config,
                     const namespaces::IdMaps& ids) {
  for (size_t i = 0; i < config.devices.size(); ++i) {
    RETURN_IF_ERROR(Annotate(MakeConfigured(root, config.devices[i], ids),
                             absl::StrCat("linux.devices[", i, "] ", config.devices[i].path)));
  }
  for (const DefaultDevice& device : kDefaultDevices) {
    absl::Status status =
        MakeDevice(root, device.path, S_IFCHR | 0666, ::makedev(device.major, device.minor),
                   root.owner(), root.group());
    if (StatusErrno(status) == EPERM) status = ShowOwnDevice(root, device.path);
    RETURN_IF_ERROR(status);
  }
  for (const Link& link : kLinks) {
    const absl::Status status = root.MakeSymlink(link.path, link.target);
    if (!status.ok() && StatusErrno(status) != EEXIST) return status;
  }
  return absl::OkStatus();
}

}  // namespace moat::rootfs
