#include "base/pidfd.h"

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

}  // namespace moat
