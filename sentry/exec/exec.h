// execve and execveat: how a task gets a new program although it can name no file.
//
// 1. The gofer opens the file under the caller's credentials (it must be a regular file the caller
// may execute).
// 2. The sentry reads its head. ELF with PT_INTERP: the gofer opens the interpreter too. ELF
// without: nothing more. "#!": the chain of
//    interpreters is followed as Linux does (nesting at most 4, one argument), down to an ELF
//    program.
// 3. ELF: ADDFD puts the program into the caller's table, and in a session the caller runs
// execveat(fd, "", argv, envp, AT_EMPTY_PATH). The kernel does
//    everything that an exec does and enters the stub as ELF interpreter. "#!": the caller runs
//    execveat of the stub itself, so that the kernel copies the caller's argv and envp whatever
//    their size, when no file of the chain is open for writing (text_busy.h). The stub then
//    executes kScriptProgram, by which the sentry knows the program.
//    Of a program with the set-user-ID bit or capabilities first a stub that has them (set_id.h).
//    A task that is traced inside executes the interpreter at once (script_arguments.h).
// 4. A plan was armed for the thread group when the kernel reported EVENT_EXEC. The stub asks for
// it once (platform/loader/plan.h).
#ifndef MOAT_SENTRY_EXEC_EXEC_H_
#define MOAT_SENTRY_EXEC_EXEC_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "platform/loader/plan.h"
#include "sentry/call.h"
#include "sentry/exec/deferred_traces.h"
#include "sentry/exec/stub_root.h"

namespace moat::sentry {

// What the stub is to do after an exec.
struct ExecPlan {
  loader::PlanKind kind = loader::PlanKind::kInterpreter;
  Fd file;              // kInterpreter: the ELF interpreter to map; kScript: the program to execute
  bool secret = false;  // kScript: the caller may not read `file`
  bool has_capabilities = false;    // of `file`, which the program is to keep
  platform::ProgramNames names;     // what the kernel would have said had it found the file by name
  std::vector<std::string> prefix;  // kScript: stands in place of argv[0]
};

// Plans that wait for their stub, by thread group. Thread-safe.
class ExecPlans {
 public:
  explicit ExecPlans(std::unique_ptr<StubRoot> root) : root_(std::move(root)) {}

  void Arm(pid_t tgid, ExecPlan plan);
  // The armed plan; used once.
  std::optional<ExecPlan> Take(pid_t tgid);

  // What the exec that a script's stub is about to make stands for.
  void RememberScript(pid_t tgid, ExecPlan plan);
  std::optional<ExecPlan> TakeScript(pid_t tgid);

  StubRoot& root() { return *root_; }
  DeferredTraces& deferred_traces() { return deferred_traces_; }

 private:
  void DropDeadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<StubRoot> root_;
  absl::Mutex mutex_;
  std::map<pid_t, ExecPlan> armed_ ABSL_GUARDED_BY(mutex_);
  std::map<pid_t, ExecPlan> scripts_ ABSL_GUARDED_BY(mutex_);
  DeferredTraces deferred_traces_;
};

Outcome SysExecve(Call& call);
Outcome SysExecveat(Call& call);
// The stub's call for its plan (platform/loader/plan.h).
Outcome SysLoaderPlan(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_EXEC_H_
