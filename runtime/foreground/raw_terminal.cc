#include "runtime/foreground/raw_terminal.h"

#include <sys/ioctl.h>

#include <cerrno>

#include "base/status.h"

namespace moat::foreground {

absl::StatusOr<RawTerminal> RawTerminal::Enter(int fd) {
  termios saved;
  if (::tcgetattr(fd, &saved) < 0) return ErrnoStatus(errno, "tcgetattr", "the terminal");
  RawTerminal terminal(fd, saved);
  terminal.EnterAgain();
  return terminal;
}

void RawTerminal::EnterAgain() const {
  termios raw = saved_;
  ::cfmakeraw(&raw);
  // Output that is already waiting was meant for the old mode.
  ::tcsetattr(fd_, TCSADRAIN, &raw);
}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) ::tcsetattr(fd_, TCSADRAIN, &saved_);
}

void CopyWindowSize(int from, int to) {
  winsize size;
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

}  // namespace moat::foreground
