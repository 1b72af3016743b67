#include "sentry/fs/on_path.h"

namespace moat::sentry {

Result<Caller> Identify(Call& call, Identity identity) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  if (!call.platform().StillWaits(call.trap())) return Errno(ESRCH);
  return Caller{*task,
                identity == Identity::kReal ? task->AccessCredentials() : task->FileCredentials()};
}

}  // namespace moat::sentry
