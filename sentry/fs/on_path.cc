#include "sentry/fs/on_path.h"

namespace moat::sentry {

Result<Caller> Identify(Call& call, Identity identity) {
  TRY_ASSIGN(const TaskInfo* task, call.ConfirmedTask());
  return Caller{*task,
                identity == Identity::kReal ? task->AccessCredentials() : task->FileCredentials()};
}

}  // namespace moat::sentry
