#include "gofer/server/execute.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>

#include <utility>

#include "gofer/server/calls.h"
#include "gofer/server/walk.h"

namespace moat::gofer {
namespace {

// What an outcome says about a crossing.
enum class Suspicion { kNone, kPossible, kLikely, kCertain };

// Whether the request's system call follows a symlink in the last place of `path`.
bool FollowsLast(const Job& job) {
  switch (job.request.operation) {
    case Operation::kOpen:
      return (job.Wide(0) & O_NOFOLLOW) == 0 &&
             (job.Wide(0) & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    case Operation::kStat:
      return (job.Int(0) & AT_SYMLINK_NOFOLLOW) == 0;
    case Operation::kAccess:
    case Operation::kChmod:
      return (job.Int(1) & AT_SYMLINK_NOFOLLOW) == 0;
    case Operation::kChown:
      return (job.Int(2) & AT_SYMLINK_NOFOLLOW) == 0;
    case Operation::kSetTimes:
      return (job.Int(0) & AT_SYMLINK_NOFOLLOW) == 0;
    case Operation::kLink:
      return (job.Int(0) & AT_SYMLINK_FOLLOW) != 0;
    case Operation::kOpenForExec:
    case Operation::kGetXattr:
    case Operation::kListXattr:
    case Operation::kSetXattr:
    case Operation::kRemoveXattr:
      return job.Wide(0) != 0;
    case Operation::kInotifyAdd:
      return (job.Uint(0) & IN_DONT_FOLLOW) == 0;
    case Operation::kStatFs:
    case Operation::kTruncate:
    case Operation::kConnectUnix:
    case Operation::kSendToUnix:
      return true;
    case Operation::kReadLink:
    case Operation::kMkdir:
    case Operation::kMknod:
    case Operation::kSymlink:
    case Operation::kUnlink:
    case Operation::kRename:
    case Operation::kBindUnix:
    case Operation::kResolve:
      return false;
  }
  return false;
}

bool HasSecondPath(const Job& job) {
  return job.request.operation == Operation::kLink || job.request.operation == Operation::kRename;
}

// Resolve flags of openat2(2) under which Linux makes another walk than FindCrossing does: through
// no symlink, over no mount, or from another root.
bool WalkIsRestricted(const Job& job) {
  if (job.request.operation != Operation::kOpen) return false;
  if ((job.Wide(2) & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)) != 0) return true;
  return (job.Wide(2) & RESOLVE_IN_ROOT) != 0 && job.base != job.identity.root();
}

bool ReadsAsItself(const Job& job, const Performed& performed) {
  if (job.request.operation != Operation::kReadLink || performed.error != 0) return false;
  const absl::string_view path = job.request.path;
  return path.substr(path.rfind('/') + 1) == performed.body;
}

Suspicion Suspect(const VirtualMounts& mounts, const Job& job, const Performed& performed) {
  if (!mounts.NameOf(performed.mount_id).empty()) return Suspicion::kCertain;
  if (performed.error == ELOOP || ReadsAsItself(job, performed)) return Suspicion::kLikely;
  if (performed.error == ENOENT || performed.error == EROFS) return Suspicion::kPossible;
  return Suspicion::kNone;
}

std::string CrossingOf(const VirtualMounts& mounts, const WalkStart& start, Suspicion suspicion) {
  if (start.path.empty()) return "";
  if (suspicion == Suspicion::kPossible && !MayCross(start)) return "";
  return FindCrossing(mounts, start).value_or("");
}

std::string FindCrossingOfJob(const VirtualMounts& mounts, const Job& job, Suspicion suspicion) {
  if (WalkIsRestricted(job)) return "";
  const int root = job.identity.root();
  const WalkStart first = {root, job.base, job.request.path, FollowsLast(job)};
  std::string crossing = CrossingOf(mounts, first, suspicion);
  if (!crossing.empty() || !HasSecondPath(job)) return crossing;
  const WalkStart second = {root, job.second_base, job.request.second, false};
  return CrossingOf(mounts, second, suspicion);
}

}  // namespace

Executed Execute(const VirtualMounts& mounts, Job& job) {
  Executed executed;
  executed.performed = PerformCall(job);
  // A resolved walk never enters one of ours.
  if (!mounts.any() || job.request.operation == Operation::kResolve) return executed;
  const Suspicion suspicion = Suspect(mounts, job, executed.performed);
  if (suspicion == Suspicion::kNone) return executed;
  executed.crossing = FindCrossingOfJob(mounts, job, suspicion);
  // A file of ours must not get out, even when the tree changed between the two walks.
  if (suspicion == Suspicion::kCertain && executed.crossing.empty()) {
    executed.performed = Failed(ELOOP);
  }
  return executed;
}

}  // namespace moat::gofer
