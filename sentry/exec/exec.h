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
//    their size.
// 4. A plan was armed for the thread group when the kernel reported EVENT_EXEC. The stub asks for
// it once (platform/loader/plan.h).
#ifndef MOAT_SENTRY_EXEC_EXEC_H_
#define MOAT_SENTRY_EXEC_EXEC_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// What the stub is to do after an exec.
struct ExecPlan {
  enum class Kind { kInterpreter, kScript };
  Kind kind = Kind::kInterpreter;
  Fd file;  // kInterpreter: the ELF interpreter to map; kScript: the program to execute
  std::string exec_name;            // AT_EXECFN
  std::string comm;                 // at most 15 bytes
  std::vector<std::string> prefix;  // kScript: replaces argv[0]
  Fd next_interpreter;              // kScript: the ELF interpreter of `file`, if it has one
};

// Plans that wait for their stub, by thread group.
class ExecPlans {
 public:
  void Arm(pid_t tgid, ExecPlan plan);
  std::optional<ExecPlan> Take(pid_t tgid);
  // Drops the plans of thread groups that are gone; called now and then.

 private:
  absl::Mutex mutex_;
  std::map<pid_t, ExecPlan> armed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_EXEC_H_
