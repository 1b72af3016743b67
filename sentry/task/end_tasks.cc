#include "sentry/task/end_tasks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "sentry/boot_protocol.h"
#include "sentry/task/task_table.h"

namespace moat::sentry {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(4);
constexpr absl::Duration kPause = absl::Milliseconds(2);

// A process whose first thread has ended may have others that run (proc_pid_stat(5)).
bool IsDead(int proc, pid_t pid) {
  constexpr size_t kMaxStat = 4096;
  const auto stat = ReadFileAt(proc, absl::StrCat(pid, "/stat"), kMaxStat);
  if (!stat.ok()) return true;
  const size_t name_end = stat->rfind(") ");
  const char state = name_end == std::string::npos ? '?' : (*stat)[name_end + 2];
  return (state == 'Z' || state == 'X') && NumbersIn(proc, absl::StrCat(pid, "/task")).size() <= 1;
}

}  // namespace

absl::StatusOr<TaskEnder> TaskEnder::Create(int proc, pid_t init, Fd tie) {
  struct stat user_namespace;
  const std::string path = absl::StrCat(init, "/ns/user");
  if (::fstatat(proc, path.c_str(), &user_namespace, 0) < 0) {
    return ErrnoStatus(errno, "stat", path);
  }
  return TaskEnder(proc, user_namespace, std::move(tie));
}

// The kernel shows the namespace of no process of the other container (ptrace(2), "Ptrace access
// mode checking": user namespaces that this process does not own).
bool TaskEnder::IsOurs(pid_t pid) const {
  struct stat status;
  return ::fstatat(proc_, absl::StrCat(pid, "/ns/user").c_str(), &status, 0) == 0 &&
         status.st_dev == user_namespace_.st_dev && status.st_ino == user_namespace_.st_ino;
}

// A process is held by its pidfd before it is looked at, so none that got the number of a dead one
// can be hit.
int TaskEnder::KillOnce() const {
  int left = 0;
  for (const pid_t pid : NumbersIn(proc_, ".")) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process || !IsOurs(pid) || IsDead(proc_, pid)) continue;
    ++left;
    ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  }
  return left;
}

void TaskEnder::EndAll() const {
  const absl::Time give_up = absl::Now() + kPatience;
  while (KillOnce() > 0) {
    if (absl::Now() > give_up) {
      LogError("some processes of the container do not end; ending the one whose pids it shares");
      return;
    }
    absl::SleepFor(kPause);
  }
  // Without that container nobody hears it.
  (void)SendBootMessage(tie_.get(), "done");
}

}  // namespace moat::sentry
