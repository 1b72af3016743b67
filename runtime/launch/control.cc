#include "runtime/launch/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/message.h"
#include "runtime/launch/program.h"

namespace moat::launch {
namespace {

constexpr char kName[] = "control.sock";
constexpr int kBacklog = 16;

// Through a descriptor of the directory: an address holds 107 bytes, a state directory may be
// longer (unix(7)).
sockaddr_un AddressIn(const Fd& directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = absl::StrCat("/proc/self/fd/", directory.get(), "/", kName);
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

struct Endpoint {
  Fd directory;
  Fd socket;
  sockaddr_un address;
};

absl::StatusOr<Endpoint> MakeEndpoint(const std::string& state_dir) {
  Endpoint endpoint;
  endpoint.directory.Reset(::open(state_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!endpoint.directory) return ErrnoStatus(errno, "open", state_dir);
  endpoint.socket.Reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!endpoint.socket) return ErrnoStatus(errno, "socket", "AF_UNIX");
  endpoint.address = AddressIn(endpoint.directory);
  return endpoint;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

}  // namespace

absl::StatusOr<Fd> ListenControl(const std::string& state_dir) {
  ASSIGN_OR_RETURN(Endpoint endpoint, MakeEndpoint(state_dir));
  const std::string path = absl::StrCat(state_dir, "/", kName);
  const mode_t mask = ::umask(0077);
  const int bound = ::bind(endpoint.socket.get(), Generic(endpoint.address), sizeof(sockaddr_un));
  const int error = errno;
  ::umask(mask);
  if (bound < 0) return ErrnoStatus(error, "bind", path);
  if (::listen(endpoint.socket.get(), kBacklog) < 0) {
    const int failed = errno;
    RemoveControl(state_dir);
    return ErrnoStatus(failed, "listen", path);
  }
  return std::move(endpoint.socket);
}

void RemoveControl(const std::string& state_dir) {
  ::unlink(absl::StrCat(state_dir, "/", kName).c_str());
}

absl::StatusOr<Fd> ConnectControl(const std::string& state_dir) {
  ASSIGN_OR_RETURN(Endpoint endpoint, MakeEndpoint(state_dir));
  if (::connect(endpoint.socket.get(), Generic(endpoint.address), sizeof(sockaddr_un)) < 0) {
    return ErrnoStatus(errno, "connect", absl::StrCat(state_dir, "/", kName));
  }
  return std::move(endpoint.socket);
}

absl::Status Start(int control) {
  RETURN_IF_ERROR(Send(control, "start"));
  const absl::Status status = Expect(control, "moat-sentry", "started").status();
  // An errno is the one of the init's execve; ESRCH says that the init died before it.
  const int error = StatusErrno(status);
  return error != 0 && error != ESRCH ? MarkCommandFault(status) : status;
}

absl::StatusOr<std::string> QueryState(int control) {
  RETURN_IF_ERROR(Send(control, "state"));
  ASSIGN_OR_RETURN(const Received answer, Expect(control, "moat-sentry", "state"));
  const auto status = answer.body.find("status");
  if (status == answer.body.end() || !status->is_string()) {
    return absl::InternalError("moat-sentry sent a state without a status");
  }
  return status->get<std::string>();
}

}  // namespace moat::launch
