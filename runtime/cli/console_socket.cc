#include "runtime/cli/console_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/fd_message.h"
#include "base/status.h"

namespace moat::cli {
namespace {

constexpr char kTerminalName[] = "/dev/ptmx";

constexpr char kPidfdName[] = "pidfd";
constexpr int kPatienceSeconds = 10;

absl::Status SendTo(const std::string& path, const char* flag, const char* name, int descriptor) {
  // sun_path takes 107 characters; through a descriptor every path is short.
  const Fd target(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!target) return ErrnoStatus(errno, absl::StrCat(flag, ": open"), path);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string short_path = absl::StrCat("/proc/self/fd/", target.get());
  short_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const void* generic = &address;
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Else a socket on which nobody accepts holds us for ever, once its queue is full.
  const timeval patience = {.tv_sec = kPatienceSeconds, .tv_usec = 0};
  if (!socket ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0) {
    return ErrnoStatus(errno, absl::StrCat(flag, ": socket"), path);
  }
  if (::connect(socket.get(), static_cast<const sockaddr*>(generic), sizeof(address)) < 0) {
    if (errno == EAGAIN) {
      return absl::DeadlineExceededError(absl::StrCat(flag, ": nobody took a connection from ",
                                                      path, " in ", kPatienceSeconds, " seconds"));
    }
    return ErrnoStatus(errno, absl::StrCat(flag, ": connect"), path);
  }
  return Annotate(SendMessage(socket.get(), name, {descriptor}), flag);
}

}  // namespace

absl::Status SendConsole(const std::string& path, int master) {
  return SendTo(path, "--console-socket", kTerminalName, master);
}

absl::Status SendPidfd(const std::string& path, int pidfd) {
  return SendTo(path, "--pidfd-socket", kPidfdName, pidfd);
}

}  // namespace moat::cli
