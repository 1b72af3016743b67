#include "sentry/task/sys_credentials.h"

#include "sentry/container.h"

namespace moat::sentry {

Outcome SysChangeCredentials(Call& call) {
  call.container().cache->Forget(call.trap().tid);
  return ContinueNative();
}

Outcome SysUmask(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  call.container().cache->UmaskChanges(task->tgid);
  return ContinueNative();
}

Outcome SysCloneSharingFiles(Call& call) {
  call.container().cache->FileContextIsShared();
  return ContinueNative();
}

}  // namespace moat::sentry
