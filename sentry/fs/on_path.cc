#include "sentry/fs/on_path.h"

namespace moat::sentry {

Result<Caller> Identify(Call& call, Identity identity) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  if (!call.platform().StillWaits(call.trap())) return Errno(ESRCH);
  Caller caller{*task, {}};
  if (identity == Identity::kFile) {
    caller.credentials = task->FileCredentials();
    return caller;
  }
  caller.credentials = task->AccessCredentials();
  // The virtual tree looks at the file system ids.
  caller.task.uid.fs = task->uid.real;
  caller.task.gid.fs = task->gid.real;
  caller.task.cap_effective = caller.credentials.capabilities;
  return caller;
}

}  // namespace moat::sentry
