#include "runtime/state/process_ref.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::state {
namespace {

constexpr size_t kMaxStat = 4096;
constexpr size_t kStateField = 0;       // field 3, the first after the name
constexpr size_t kStartTimeField = 19;  // field 22

struct Stat {
  char state = 0;
  uint64_t start_time = 0;
};

absl::StatusOr<Stat> ReadStat(pid_t pid) {
  const std::string file = absl::StrCat("/proc/", pid, "/stat");
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxStat));
  // The name, in parentheses, may hold anything, parentheses too.
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return absl::InternalError(file + ": not as in proc(5)");
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ');
  Stat stat;
  if (fields.size() <= kStartTimeField || fields[kStateField].size() != 1 ||
      !absl::SimpleAtoi(fields[kStartTimeField], &stat.start_time)) {
    return absl::InternalError(file + ": not as in proc(5)");
  }
  stat.state = fields[kStateField][0];
  return stat;
}

}  // namespace

absl::StatusOr<ProcessRef> IdentifyProcess(pid_t pid) {
  ASSIGN_OR_RETURN(const Stat stat, ReadStat(pid));
  return ProcessRef{pid, stat.start_time};
}

absl::StatusOr<Fd> OpenProcess(const ProcessRef& process) {
  const absl::Status gone = absl::NotFoundError(absl::StrCat("process ", process.pid, " is gone"));
  if (process.pid <= 0) return gone;
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd)
    return errno == ESRCH ? gone : ErrnoStatus(errno, "pidfd_open", absl::StrCat(process.pid));
  // Read after the pidfd is held: if the times agree, the pidfd is of that process.
  const auto stat = ReadStat(process.pid);
  if (!stat.ok() || stat->start_time != process.start_time) return gone;
  if (stat->state == 'Z' || stat->state == 'X') return gone;
  return pidfd;
}

bool IsAlive(const ProcessRef& process) { return OpenProcess(process).ok(); }

}  // namespace moat::state
