// Keeps signals from the calling thread for the length of a scope.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_BLOCKED_SIGNALS_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_BLOCKED_SIGNALS_H_

#include <signal.h>

namespace moat::platform::seccomp_notify {

// For a system call whose interruption can't be undone. SIGKILL and SIGSTOP come through.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_BLOCKED_SIGNALS_H_
