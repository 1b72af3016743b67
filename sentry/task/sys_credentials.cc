#include "sentry/task/sys_credentials.h"

#include "sentry/container.h"

namespace moat::sentry {
namespace {

Outcome TellIds(Call& call, const Ids& ids) {
  int pointer = 0;
  for (const uint32_t id : {ids.real, ids.effective, ids.saved}) {
    TRY(call.WriteObject(call.AddrArg(pointer++), id));
  }
  return Value{0};
}

}  // namespace

Outcome SysGetresuid(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  return TellIds(call, task->uid);
}

Outcome SysGetresgid(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  return TellIds(call, task->gid);
}

Outcome SysChangeCredentials(Call& call) {
  call.container().cache->Forget(call.trap().tid);
  return ContinueNative();
}

Outcome SysUmask(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  call.container().cache->UmaskChanges(task->tgid);
  return ContinueNative();
}

Outcome SysFchdir(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  call.container().cache->DirectoryChanges(task->tgid);
  return ContinueNative();
}

Outcome SysCloneSharingFiles(Call& call) {
  call.container().cache->FileContextIsShared();
  return ContinueNative();
}

Outcome SysAddFilter(Call& call) {
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  if (call.container().doorbells) call.container().doorbells->Close(task->tgid);
  return ContinueNative();
}

}  // namespace moat::sentry
