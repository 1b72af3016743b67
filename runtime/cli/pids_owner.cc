#include "runtime/cli/pids_owner.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::cli {
namespace {

// Whether the container's init is in the pid namespace that `wanted` tells of.
bool Owns(const state::Record& record, const struct stat& wanted) {
  if (record.shares_pids || !state::IsAlive(record.init)) return false;
  struct stat own;
  const std::string path = absl::StrCat("/proc/", record.init.pid, "/ns/pid");
  return ::stat(path.c_str(), &own) == 0 && own.st_dev == wanted.st_dev &&
         own.st_ino == wanted.st_ino && state::IsAlive(record.init);
}

}  // namespace

std::optional<std::string> PathOfPids(const spec::Spec& spec) {
  for (const spec::Namespace& one : spec.linux_config.namespaces) {
    if (one.type == spec::NamespaceType::kPid && !one.path.empty()) return one.path;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<launch::PidsOwner>> FindPidsOwner(const state::Store& store,
                                                               const spec::Spec& spec) {
  const std::optional<std::string> path = PathOfPids(spec);
  if (!path) return std::nullopt;
  struct stat wanted;
  if (::stat(path->c_str(), &wanted) < 0) {
    return Annotate(ErrnoStatus(errno, "stat", *path), "linux.namespaces (pid)");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, store.Ids());
  for (const std::string& id : ids) {
    const auto record = store.Read(id);
    if (!record.ok() || !Owns(*record, wanted)) continue;
    return launch::PidsOwner{store.Directory(id), wanted.st_dev, wanted.st_ino};
  }
  return absl::FailedPreconditionError(
      absl::StrCat("linux.namespaces (pid): ", *path,
                   " can't be joined: it is not the pid namespace of a running container of moat's "
                   "with the same --root; leave out \"path\" for one of its own"));
}

}  // namespace moat::cli
