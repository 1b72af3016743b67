#include "sentry/fs/terminal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/major.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "sentry/container.h"

namespace moat::sentry {
namespace {

constexpr uint32_t kPtsMajor = 136;  // UNIX98_PTY_SLAVE_MAJOR
constexpr size_t kMaxStat = 4096;

// From /proc/TID/stat (proc_pid_stat(5)), all in the sentry's pid namespace.
struct TerminalState {
  pid_t session = 0;
  uint32_t major = 0;  // 0: no controlling terminal
  uint32_t minor = 0;
};

Result<TerminalState> LookAtTerminal(pid_t tid) {
  TRY_ASSIGN(const std::string stat,
             ReadFileAt(AT_FDCWD, absl::StrCat("/proc/", tid, "/stat"), kMaxStat));
  // The name in parentheses may hold anything; behind the last one: state ppid pgrp session tty_nr.
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return Errno(ESRCH);
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 2), absl::MaxSplits(' ', 5));
  TerminalState state;
  int64_t device = 0;
  if (fields.size() < 6 || !absl::SimpleAtoi(fields[3], &state.session) ||
      !absl::SimpleAtoi(fields[4], &device)) {
    return Errno(ESRCH);
  }
  // new_encode_dev of include/linux/kdev_t.h.
  const auto encoded = static_cast<uint32_t>(device);
  state.major = (encoded >> 8) & 0xfff;
  state.minor = (encoded & 0xff) | ((encoded >> 12) & 0xfff00);
  return state;
}

}  // namespace

bool IsControllingTerminalNode(const struct statx& attributes) {
  return S_ISCHR(attributes.stx_mode) && attributes.stx_rdev_major == TTYAUX_MAJOR &&
         attributes.stx_rdev_minor == 0;
}

gofer::Outcome<gofer::Opened> OpenControllingTerminal(Call& call, uint64_t flags) {
  auto state = LookAtTerminal(call.trap().tid);
  if (!state.ok() || state->major != kPtsMajor) return gofer::Failure{Errno(ENXIO), {}};
  // Whoever may open /dev/tty gets the terminal, whatever the permissions of its own node say.
  gofer::Credentials credentials;
  credentials.capabilities = uint64_t{1} << CAP_DAC_OVERRIDE;
  const std::string path = absl::StrCat("/dev/pts/", state->minor);
  const uint64_t kept = flags & ~static_cast<uint64_t>(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW);
  auto opened =
      call.gofer().Open(credentials, {path}, kept, 0, 0, [&call] { return call.SignalPending(); });
  if (std::holds_alternative<gofer::Failure>(opened)) return gofer::Failure{Errno(ENXIO), {}};
  return opened;
}

bool BecomesControllingTerminal(Call& call, const struct statx& attributes, uint64_t flags) {
  const bool is_terminal = S_ISCHR(attributes.stx_mode) && attributes.stx_rdev_major >= kPtsMajor &&
                           attributes.stx_rdev_major < kPtsMajor + 8;
  if (!is_terminal || (flags & O_NOCTTY) != 0) return false;
  auto task = call.Task();
  auto state = LookAtTerminal(call.trap().tid);
  return task.ok() && state.ok() && state->major == 0 && state->session == (*task)->tgid;
}

}  // namespace moat::sentry
