#include "runtime/foreground/pty_proxy.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace moat::foreground {
namespace {

bool IsAgain(int error) { return error == EAGAIN || error == EINTR; }

// `fd` with a non-blocking open file of its own if it is a terminal or a pipe: O_NONBLOCK on the
// one that we share would be set for every process that has it. Else a plain duplicate: regular
// files don't block, and sockets rarely.
absl::StatusOr<Fd> OwnDescription(int fd, int access) {
  struct stat status;
  if (::fstat(fd, &status) < 0) return ErrnoStatus(errno, "fstat", absl::StrCat("descriptor ", fd));
  if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
    Fd own(::open(absl::StrCat("/proc/self/fd/", fd).c_str(),
                  access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;  // else: a terminal of another user, after su
  }
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return ErrnoStatus(errno, "dup", absl::StrCat("descriptor ", fd));
  return copy;
}

// Writes what goes, and drops it from `buffer`. False when `fd` is of no use any more.
bool WriteSome(int fd, std::string& buffer) {
  const ssize_t written = ::write(fd, buffer.data(), buffer.size());
  if (written < 0) return IsAgain(errno);
  buffer.erase(0, static_cast<size_t>(written));
  return true;
}

// The character that means "end of file" on the container's terminal.
char EndOfFileCharacter(int master) {
  termios settings;
  return ::tcgetattr(master, &settings) == 0 ? static_cast<char>(settings.c_cc[VEOF]) : '\4';
}

// What the line discipline of the container's terminal sends to its foreground processes for
// `typed`.
int SignalFor(absl::string_view typed, int master) {
  termios settings;
  if (::tcgetattr(master, &settings) < 0 || (settings.c_lflag & ISIG) == 0) return 0;
  for (const char c : typed) {
    const auto code = static_cast<unsigned char>(c);
    if (code != 0 && code == settings.c_cc[VINTR]) return SIGINT;
    if (code != 0 && code == settings.c_cc[VQUIT]) return SIGQUIT;
  }
  return 0;
}

}  // namespace

absl::StatusOr<PtyProxy> PtyProxy::Create(int input, int output, int master) {
  ASSIGN_OR_RETURN(Fd own_input, OwnDescription(input, O_RDONLY));
  ASSIGN_OR_RETURN(Fd own_output, OwnDescription(output, O_WRONLY));
  if (::fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
    return ErrnoStatus(errno, "fcntl", "the terminal's master");
  }
  // Linux 4.13; opens the peer even where its devpts is out of sight.
  Fd peer(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return PtyProxy(std::move(own_input), std::move(own_output), master, std::move(peer));
}

std::vector<pollfd> PtyProxy::Wanted() const {
  const short from_master = to_output_.size() < kBufferSize ? POLLIN : 0;
  const short into_master = to_master_.empty() || finished_ ? 0 : POLLOUT;
  // poll ignores negative descriptors, and reports a hang-up even when nothing is asked for.
  return {
      {WantsInput() ? input_.get() : -1, POLLIN, 0},
      {from_master || into_master ? master_ : -1, static_cast<short>(from_master | into_master), 0},
      {to_output_.empty() ? -1 : output_.get(), POLLOUT, 0},
  };
}

void PtyProxy::Handle(const std::vector<pollfd>& polled) {
  if (polled[0].revents != 0) ReadInput();
  if (polled[1].revents & POLLOUT && !WriteSome(master_, to_master_)) to_master_.clear();
  if (polled[1].revents & ~POLLOUT) ReadMaster();
  if (polled[2].revents != 0 && !WriteSome(output_.get(), to_output_)) {
    // Nobody reads us any more. Go on reading the container, which must not stall.
    output_.Reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    to_output_.clear();
  }
}

void PtyProxy::ReadInput() {
  char buffer[4096];
  const ssize_t got = ::read(input_.get(), buffer, sizeof(buffer));
  if (got > 0) {
    const absl::string_view typed(buffer, static_cast<size_t>(got));
    to_master_.append(typed.data(), typed.size());
    if (const int signal = SignalFor(typed, master_)) typed_signal_ = signal;
  } else if (got == 0 || !IsAgain(errno)) {
    to_master_.push_back(EndOfFileCharacter(master_));
    input_.Reset();
  }
}

void PtyProxy::ReadMaster() {
  char buffer[kBufferSize];
  const ssize_t got = ::read(master_, buffer, sizeof(buffer));
  if (got > 0) {
    to_output_.append(buffer, static_cast<size_t>(got));
  } else if (got == 0 || !IsAgain(errno)) {
    master_ = -1;  // EIO: no process has the container's side open, and none can open it again
  }
}

void PtyProxy::Finish() {
  finished_ = true;
  to_master_.clear();
  peer_.Reset();
}

}  // namespace moat::foreground
