// Turns the signals that moat gets while it stays with a container into something to poll for.
#ifndef MOAT_RUNTIME_FOREGROUND_SIGNAL_CATCHER_H_
#define MOAT_RUNTIME_FOREGROUND_SIGNAL_CATCHER_H_

#include <csignal>

#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::foreground {

// Blocks, in the calling thread, every signal that can be passed on. Children inherit the mask and
// must reset it before they run a program. Move-only; the old mask comes back with its end.
class SignalCatcher {
 public:
  static absl::StatusOr<SignalCatcher> Create();
  SignalCatcher(SignalCatcher&&) = default;
  SignalCatcher& operator=(SignalCatcher&&) = delete;
  ~SignalCatcher();

  int fd() const { return fd_.get(); }
  // The next signal, 0 when there is none (now).
  int Next() const;

 private:
  SignalCatcher(Fd fd, const sigset_t& old_mask) : fd_(std::move(fd)), old_mask_(old_mask) {}

  Fd fd_;
  sigset_t old_mask_;
};

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_SIGNAL_CATCHER_H_
