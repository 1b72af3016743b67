// The one object per sentry that handlers reach the container-wide parts through. Constant after
// boot but for what says otherwise.
#ifndef MOAT_SENTRY_CONTAINER_H_
#define MOAT_SENTRY_CONTAINER_H_

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "gofer/client/client.h"
#include "sentry/audit/audit.h"
#include "sentry/doorbell/doorbells.h"
#include "sentry/exec/exec.h"
#include "sentry/exec/joiners.h"
#include "sentry/exec/task_roots.h"
#include "sentry/fs/short_names.h"
#include "sentry/net/brief_waits.h"
#include "sentry/net/network_rules.h"
#include "sentry/proc/virtual_tree.h"
#include "sentry/syscalls/call_policy.h"
#include "sentry/task/task_cache.h"
#include "sentry/task/task_table.h"
#include "sentry/trace/trace.h"

namespace moat::sentry {

class Container {
 public:
  // Called at each exec that has replaced the program of process `tgid`, before the new one runs.
  void NoteExec(pid_t tgid) {
    if (doorbells) doorbells->Forget(tgid);
    if (joiners.Executed(tgid)) return;
    if (tgid != init_tgid || exec_seen_.exchange(true)) return;
    const uint64_t once = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(first_exec.get(), &once, sizeof(once));
  }
  // Whether init has done its first exec.
  bool runs_program() const { return exec_seen_; }
  Fd first_exec;           // eventfd(2), readable from init's first exec on: it runs the workload
  pid_t init_tgid = -1;    // in P_A. Others may be before it: hooks.startContainer
  Joiners joiners;         // thread-safe
  BriefWaits brief_waits;  // thread-safe

  std::string id;
  std::unique_ptr<gofer::Client> gofer;
  std::unique_ptr<VirtualTree> tree;        // thread-safe
  std::unique_ptr<ShortNames> short_names;  // thread-safe
  std::unique_ptr<TaskTable> tasks;         // thread-safe
  std::unique_ptr<TaskCache> cache;         // thread-safe
  std::unique_ptr<ExecPlans> plans;         // thread-safe
  std::unique_ptr<TaskRoots> roots;         // null where no task can change its root; thread-safe
  std::unique_ptr<Tracer> tracer;           // null without --trace; thread-safe
  std::unique_ptr<CallPolicy> calls;        // what the filter was made from
  std::unique_ptr<NetworkRules> network;
  std::unique_ptr<Audit> audit;          // thread-safe
  std::unique_ptr<Doorbells> doorbells;  // null where nobody may have one; thread-safe

 private:
  std::atomic<bool> exec_seen_ = false;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_CONTAINER_H_
