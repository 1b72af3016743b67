#include "runtime/launch/limits.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::launch {
namespace {

absl::Status SetLimit(pid_t pid, const spec::Rlimit& limit) {
  const rlimit64 value = {limit.soft, limit.hard};
  if (::syscall(SYS_prlimit64, pid, limit.resource, &value, nullptr) < 0) {
    return Annotate(ErrnoStatus(errno, "prlimit", limit.type), "process.rlimits");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LimitProcess(pid_t pid, const spec::Process& process) {
  for (const spec::Rlimit& limit : process.rlimits) RETURN_IF_ERROR(SetLimit(pid, limit));
  if (!process.oom_score_adj) return absl::OkStatus();
  return Annotate(WriteFile(absl::StrCat("/proc/", pid, "/oom_score_adj"),
                            absl::StrCat(*process.oom_score_adj)),
                  "process.oomScoreAdj");
}

}  // namespace moat::launch
