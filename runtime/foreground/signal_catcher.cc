#include "runtime/foreground/signal_catcher.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace moat::foreground {
namespace {

// Faults of our own must end us, and CHLD must stay as the set-up's waits expect it.
constexpr int kLeftAlone[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGCHLD};

}  // namespace

absl::StatusOr<SignalCatcher> SignalCatcher::Create() {
  sigset_t mask, old_mask;
  ::sigfillset(&mask);
  for (const int signal : kLeftAlone) ::sigdelset(&mask, signal);
  if (::sigprocmask(SIG_BLOCK, &mask, &old_mask) < 0) {
    return ErrnoStatus(errno, "sigprocmask", "");
  }
  Fd fd(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) {
    const int error = errno;
    ::sigprocmask(SIG_SETMASK, &old_mask, nullptr);
    return ErrnoStatus(error, "signalfd", "");
  }
  return SignalCatcher(std::move(fd), old_mask);
}

SignalCatcher::~SignalCatcher() {
  if (!fd_) return;
  // What is still waiting was meant for the container, which is gone: it must not kill us now.
  while (Next() != 0) continue;
  ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

int SignalCatcher::Next() const {
  signalfd_siginfo info;
  return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo)
                                                                : 0;
}

}  // namespace moat::foreground
