// The user's terminal in raw mode for as long as the object lives: what is typed goes to the
// container's own terminal, whose line discipline does the editing and makes the signals.
#ifndef MOAT_RUNTIME_FOREGROUND_RAW_TERMINAL_H_
#define MOAT_RUNTIME_FOREGROUND_RAW_TERMINAL_H_

#include <termios.h>

#include <utility>

#include "absl/status/statusor.h"

namespace moat::foreground {

// Move-only. `fd` is borrowed and has to outlive the object.
class RawTerminal {
 public:
  static absl::StatusOr<RawTerminal> Enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), saved_(other.saved_) {}
  RawTerminal& operator=(RawTerminal&&) = delete;
  // Puts back what Enter found.
  ~RawTerminal();

  // After SIGCONT: a shell may have put the terminal back.
  void EnterAgain() const;

 private:
  RawTerminal(int fd, const termios& saved) : fd_(fd), saved_(saved) {}

  int fd_;
  termios saved_;
};

// The size of terminal `from` becomes that of `to`; an error (not a terminal) changes nothing.
void CopyWindowSize(int from, int to);

}  // namespace moat::foreground

#endif  // MOAT_RUNTIME_FOREGROUND_RAW_TERMINAL_H_
