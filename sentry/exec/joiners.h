// Processes that `moat exec` has put into the container and that do not run their program yet.
//
// Such a process executes the stub as its first program. The stub asks for its plan as after any
// exec (exec.h) and gets one of kind kJoin; what comes of it goes to whoever asked for the process
// (base/boot.h, "join").
#ifndef MOAT_SENTRY_EXEC_JOINERS_H_
#define MOAT_SENTRY_EXEC_JOINERS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "platform/loader/plan.h"

namespace moat::sentry {

struct Joiner {
  // The working directory, and then the names under which the program may be found.
  std::vector<std::string> strings;
  // What came of it; each is called at most once, from any thread, with a lock held.
  std::function<void()> executed;
  std::function<void(loader::JoinStep step, int error)> failed;
};

// Keyed by the number of the process in the sentry's pid namespace. Thread-safe.
class Joiners {
 public:
  void Add(pid_t tgid, Joiner joiner);
  // The strings; once for each.
  std::optional<std::vector<std::string>> TakeStrings(pid_t tgid);
  // The process has executed a program. False when it is none of ours.
  bool Executed(pid_t tgid);
  // The process has said what it can't do. False when it is none of ours.
  bool Failed(pid_t tgid, loader::JoinStep step, int error);
  // It is gone.
  void Drop(pid_t tgid);

 private:
  absl::Mutex mutex_;
  std::map<pid_t, Joiner> joiners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_JOINERS_H_
