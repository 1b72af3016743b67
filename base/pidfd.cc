#include "base/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat {

absl::StatusOr<pid_t> PidOf(int pidfd) {
  constexpr size_t kMaxFdInfo = 4096;
  ASSIGN_OR_RETURN(const std::string info,
                   ReadFile(absl::StrCat("/proc/self/fdinfo/", pidfd), kMaxFdInfo));
  for (absl::string_view line : absl::StrSplit(info, '\n')) {
    pid_t pid;
    if (absl::ConsumePrefix(&line, "Pid:") && absl::SimpleAtoi(line, &pid) && pid > 0) return pid;
  }
  return absl::NotFoundError("the process of a pidfd is gone");
}

Result<Fd> OpenThreadPidfd(pid_t tid) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, tid, kPidfdThread)));
  if (!pidfd) return Errno(errno == EINVAL ? ENOSYS : ESRCH);
  return pidfd;
}

bool HasEnded(const Fd& pidfd) {
  pollfd entry = {pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

}  // namespace moat
