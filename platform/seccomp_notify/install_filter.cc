#include "platform/seccomp_notify/install_filter.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/linux_abi/seccomp.h"

namespace moat::platform::seccomp_notify {
namespace {

long Seccomp(unsigned operation, unsigned long flags, const void* argument) {
  return ::syscall(__NR_seccomp, operation, flags, argument);
}

}  // namespace

Result<Fd> InstallFilter(absl::Span<const sock_filter> program) {
  if (program.empty() || program.size() > BPF_MAXINSNS) return Errno(EINVAL);
  const sock_fprog filter = {static_cast<unsigned short>(program.size()),
                             const_cast<sock_filter*>(program.data())};
  const long listener =
      Seccomp(SECCOMP_SET_MODE_FILTER,
              SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
  if (listener < 0) return Errno::Last();
  return Fd(static_cast<int>(listener));
}

Result<void> CheckKernelSupport() {
  const uint32_t action = SECCOMP_RET_USER_NOTIF;
  if (Seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) return Errno::Last();
  // The flags are checked before the program's address is used: EFAULT means that they are known.
  const long result =
      Seccomp(SECCOMP_SET_MODE_FILTER,
              SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, nullptr);
  if (result < 0 && errno == EFAULT) return Unit();
  return Errno(result < 0 ? errno : EINVAL);
}

}  // namespace moat::platform::seccomp_notify
