#include "policies/process/process_filter.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::policies {

absl::Status ConfineProcess(absl::Span<const sock_filter> program) {
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             const_cast<sock_filter*>(program.data())};
  const long result =
      ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result == 0) return absl::OkStatus();
  if (result < 0) return ErrnoStatus(errno, "seccomp", "the process's own filter");
  return absl::InternalError(
      absl::StrCat("seccomp: thread ", result, " cannot take the process's own filter"));
}

}  // namespace moat::policies
