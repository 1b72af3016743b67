#include "sentry/proc/access.h"

#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>

namespace moat::sentry {
namespace {

bool Has(uint64_t capabilities, int capability) { return (capabilities >> capability & 1) != 0; }

bool InGroup(const Requester& requester, uint32_t gid) {
  return requester.gid == gid ||
         std::find(requester.groups.begin(), requester.groups.end(), gid) != requester.groups.end();
}

bool Matches(const Ids& ids, uint32_t id) {
  return ids.real == id && ids.effective == id && ids.saved == id;
}

}  // namespace

Requester FileRequester(const TaskInfo& task) {
  return {task.uid.fs, task.gid.fs, task.groups, task.cap_effective};
}

Requester RealRequester(const TaskInfo& task) {
  return {task.uid.real, task.gid.real, task.groups, task.uid.real == 0 ? task.cap_permitted : 0};
}

bool Permits(const Requester& requester, const Permissions& permissions, int wanted) {
  mode_t granted = permissions.mode;
  if (requester.uid == permissions.uid) {
    granted >>= 6;
  } else if (InGroup(requester, permissions.gid)) {
    granted >>= 3;
  }
  const int missing = wanted & ~static_cast<int>(granted) & (R_OK | W_OK | X_OK);
  if (missing == 0) return true;
  const bool executable = permissions.directory || (permissions.mode & 0111) != 0;
  if (Has(requester.capabilities, CAP_DAC_OVERRIDE)) return (missing & X_OK) == 0 || executable;
  if (!Has(requester.capabilities, CAP_DAC_READ_SEARCH)) return false;
  return (missing & ~(permissions.directory ? R_OK | X_OK : R_OK)) == 0;
}

bool MayTrace(const TaskInfo& viewer, const TaskInfo& target, bool dumpable) {
  if (viewer.vtgid == target.vtgid) return true;
  if (Has(viewer.cap_effective, CAP_SYS_PTRACE)) return true;
  return Matches(target.uid, viewer.uid.fs) && Matches(target.gid, viewer.gid.fs) && dumpable &&
         (target.cap_permitted & ~viewer.cap_effective) == 0;
}

}  // namespace moat::sentry
