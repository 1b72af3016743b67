// Descriptors that the sentry makes and gives away, for calls that a program makes once or twice:
// epoll_create, epoll_create1, eventfd2, inotify_init, inotify_init1, signalfd4. What they do then,
// they do for whoever uses them: an epoll instance takes descriptors of the caller of epoll_ctl, a
// signalfd gives its reader's signals.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

using KernelSignals = uint64_t;  // sigset_t of the kernel

Outcome Give(int made, bool close_on_exec) {
  Fd fd(made);
  if (!fd) return Errno::Last();
  return GiveFd{std::move(fd), close_on_exec};
}

Outcome GiveInotify(int flags) {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0) return Errno(EINVAL);
  return Give(::inotify_init1(flags | IN_CLOEXEC), (flags & IN_CLOEXEC) != 0);
}

long Signalfd(int fd, const KernelSignals& mask, int flags) {
  return ::syscall(SYS_signalfd4, fd, &mask, sizeof(mask), flags);
}

}  // namespace

Outcome SysEpollCreate(Call& call) {
  if (call.IntArg(0) <= 0) return Errno(EINVAL);
  return Give(::epoll_create1(EPOLL_CLOEXEC), false);
}

Outcome SysEpollCreate1(Call& call) {
  const int flags = call.IntArg(0);
  if ((flags & ~EPOLL_CLOEXEC) != 0) return Errno(EINVAL);
  return Give(::epoll_create1(EPOLL_CLOEXEC), flags != 0);
}

Outcome SysEventfd2(Call& call) {
  const int flags = call.IntArg(1);
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) return Errno(EINVAL);
  return Give(::eventfd(call.UintArg(0), flags | EFD_CLOEXEC), (flags & EFD_CLOEXEC) != 0);
}

Outcome SysInotifyInit(Call&) { return GiveInotify(0); }
Outcome SysInotifyInit1(Call& call) { return GiveInotify(call.IntArg(0)); }

Outcome SysSignalfd4(Call& call) {
  const int flags = call.IntArg(3);
  if (call.Arg(2) != sizeof(KernelSignals)) return Errno(EINVAL);
  TRY_ASSIGN(const auto mask, call.ReadObject<KernelSignals>(call.AddrArg(1)));
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) return Errno(EINVAL);
  const int number = call.FdArg(0);
  if (number == -1) {
    return Give(static_cast<int>(Signalfd(-1, mask, flags | SFD_CLOEXEC)),
                (flags & SFD_CLOEXEC) != 0);
  }
  // A new mask for one that is there: the duplicate is the same file.
  TRY_ASSIGN(const Fd fd, call.TakeFd(number));
  if (Signalfd(fd.get(), mask, flags) < 0) return Errno::Last();
  return Value{number};
}

}  // namespace moat::sentry
