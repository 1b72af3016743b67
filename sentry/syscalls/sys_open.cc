// open, openat, openat2, creat, truncate.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "sentry/fs/attributes.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/open_file.h"
#include "sentry/syscalls/handlers.h"
#include "sentry/syscalls/open_how.h"

namespace moat::sentry {
namespace {

Outcome Open(Call& call, int dirfd, platform::GuestAddr path, const open_how& how) {
  TRY(CheckOpenHow(how));
  TRY_ASSIGN(PathArg where, ReadPathArg(call, dirfd, path));
  where.scoped = (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0;
  const OpenRequest request{std::move(where), how.flags, static_cast<uint32_t>(how.mode),
                            how.resolve};
  return OpenForCaller(call, request);
}

// A file that grows beyond the caller's RLIMIT_FSIZE: SIGXFSZ and EFBIG (inode_newsize_ok in
// fs/attr.c). The gofer has limits of its own, so the caller's are looked at here.
Result<void> CheckFileSizeLimit(Call& call, const PathArg& where, uint64_t length) {
  const pid_t tid = call.trap().tid;
  rlimit limit{};
  if (::prlimit(tid, RLIMIT_FSIZE, nullptr, &limit) != 0) return Errno::Last();
  if (length <= limit.rlim_cur) return {};
  TRY_ASSIGN(const struct statx attributes, StatPath(call, where, 0, STATX_SIZE));
  if (length <= attributes.stx_size) return {};
  TRY_ASSIGN(const TaskInfo* task, call.Task());
  ::syscall(SYS_tgkill, task->tgid, tid, SIGXFSZ);
  return Errno(EFBIG);
}

}  // namespace

Outcome SysOpen(Call& call) {
  return Open(call, AT_FDCWD, call.AddrArg(0), LegacyOpenHow(call.UintArg(1), call.UintArg(2)));
}

Outcome SysOpenat(Call& call) {
  return Open(call, call.FdArg(0), call.AddrArg(1),
              LegacyOpenHow(call.UintArg(2), call.UintArg(3)));
}

Outcome SysOpenat2(Call& call) {
  TRY_ASSIGN(const open_how how, ReadOpenHow(call, call.AddrArg(2), call.Arg(3)));
  return Open(call, call.FdArg(0), call.AddrArg(1), how);
}

Outcome SysCreat(Call& call) {
  return Open(call, AT_FDCWD, call.AddrArg(0),
              LegacyOpenHow(O_CREAT | O_WRONLY | O_TRUNC, call.UintArg(1)));
}

Outcome SysTruncate(Call& call) {
  const auto length = static_cast<int64_t>(call.Arg(1));
  if (length < 0) return Errno(EINVAL);
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, AT_FDCWD, call.AddrArg(0)));
  TRY(CheckFileSizeLimit(call, where, static_cast<uint64_t>(length)));
  return ChangePath(call, where, gofer::Follow::kYes,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().Truncate(caller.credentials, place.ref(), length);
                    });
}

}  // namespace moat::sentry
