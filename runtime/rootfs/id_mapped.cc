#include "runtime/rootfs/id_mapped.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/fd_message.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/namespaces/child_step.h"

namespace moat::rootfs {
namespace {

using namespaces::Handover;

absl::StatusOr<Fd> OpenUserNamespace(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open", path);
  return fd;
}

// A user namespace with `ids`' outer maps and no process. Only a process outside of it may write
// maps of more than one id, so a child makes it.
absl::StatusOr<Handover> MakeUserNamespace(const namespaces::IdMaps& ids) {
  ASSIGN_OR_RETURN(auto made, SocketPair());
  const pid_t child = ::fork();
  if (child < 0) return ErrnoStatus(errno, "fork", "");
  if (child == 0) {
    made.first.Reset();
    const int error = ::unshare(CLONE_NEWUSER) < 0 ? errno : 0;
    static_cast<void>(!::write(made.second.get(), &error, sizeof(error)));
    char end;
    static_cast<void>(!::read(made.second.get(), &end, 1));  // until our parent is done
    ::_exit(0);
  }
  made.second.Reset();
  const absl::Cleanup end = [&made, child] {
    made.first.Reset();
    ::waitpid(child, nullptr, 0);
  };
  int error = EPIPE;
  static_cast<void>(!::read(made.first.get(), &error, sizeof(error)));
  if (error != 0) return ErrnoStatus(error, "unshare", "a user namespace");
  const std::string directory = absl::StrCat("/proc/", child);
  RETURN_IF_ERROR(WriteFile(directory + "/uid_map", ids.uid.OuterText()));
  RETURN_IF_ERROR(WriteFile(directory + "/gid_map", ids.gid.OuterText()));
  Handover handover;
  ASSIGN_OR_RETURN(Fd fd, OpenUserNamespace(directory + "/ns/user"));
  handover.fds.push_back(std::move(fd));
  return handover;
}

}  // namespace

absl::StatusOr<namespaces::IdMaps> MappingsOf(const spec::Mount& mount, const spec::Linux& config) {
  const bool own = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
  const auto& uids = own ? mount.uid_mappings : config.uid_mappings;
  const auto& gids = own ? mount.gid_mappings : config.gid_mappings;
  if (uids.empty() || gids.empty()) {
    return absl::InvalidArgumentError(
        own ? "give both uidMappings and gidMappings, or neither"
            : "idmap needs uidMappings and gidMappings here, or in \"linux\"");
  }
  namespaces::IdMaps ids;
  ASSIGN_OR_RETURN(ids.uid, namespaces::IdMap::ForMount(uids, "uidMappings"));
  ASSIGN_OR_RETURN(ids.gid, namespaces::IdMap::ForMount(gids, "gidMappings"));
  return ids;
}

absl::Status MapIds(int mount, const namespaces::IdMaps& ids, bool recursive,
                    const std::string& what) {
  ASSIGN_OR_RETURN(const Handover made,
                   namespaces::RunInChild([&ids] { return MakeUserNamespace(ids); }));
  if (made.fds.size() != 1) return absl::InternalError("no user namespace was made");
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(made.fds.front().get());
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
                      sizeof(attributes)) == 0) {
    return absl::OkStatus();
  }
  const int error = errno;
  const absl::Status status = ErrnoStatus(error, "mount_setattr", what);
  return error == EINVAL ? Annotate(status, "this file system, or kernel, can't map ids") : status;
}

}  // namespace moat::rootfs
