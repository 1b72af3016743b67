// Sockets that a path names: connect, bind, sendto.
#include <fcntl.h>

#include <optional>
#include <string>

#include "sentry/fs/on_path.h"
#include "sentry/net/socket_address.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

// The largest datagram that is carried to the gofer; the kernel's own limit, the send buffer
// (net.core.wmem_default), is 208 KiB.
constexpr uint64_t kMaxDatagram = 256 * 1024;

// Nothing in /proc or /sys is a socket.
template <typename T>
auto NoSocketInVirtualTree(Call& call) {
  return [&call](const Caller& caller, absl::string_view path) -> VirtualResult<T> {
    auto found = call.container().tree->Access(caller.viewer(), path, W_OK, /*follow=*/true);
    if (auto* error = std::get_if<Errno>(&found)) return *error;
    if (auto* left = std::get_if<LeftTree>(&found)) return std::move(*left);
    return Errno(ECONNREFUSED);
  };
}

}  // namespace

Outcome SysConnect(Call& call) {
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  TRY_ASSIGN(const std::string address, ReadSocketAddress(call, call.AddrArg(1), call.IntArg(2)));
  const std::optional<std::string> path = UnixSocketPath(address);
  if (!path) return ContinueNative();
  auto connected = OnPath<Unit>(
      call, {AT_FDCWD, *path},
      [&](const Caller& caller, const TreePlace& place) {
        return call.gofer().ConnectUnix(caller.credentials, socket.get(), place.ref(),
                                        [&call] { return call.SignalPending(); });
      },
      NoSocketInVirtualTree<Unit>(call));
  if (connected.ok()) return Value{0};
  if (connected.error() == Errno(EINTR)) return Restart();
  return connected.error();
}

Outcome SysBind(Call& call) {
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  TRY_ASSIGN(const std::string address, ReadSocketAddress(call, call.AddrArg(1), call.IntArg(2)));
  const std::optional<std::string> path = UnixSocketPath(address);
  if (!path) return ContinueNative();
  return ChangePath(call, {AT_FDCWD, *path}, gofer::Follow::kNo,
                    [&](const Caller& caller, const TreePlace& place) {
                      return call.gofer().BindUnix(caller.credentials, socket.get(), place.ref());
                    });
}

// Only with an address (checks::SendTo).
Outcome SysSendTo(Call& call) {
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  TRY_ASSIGN(const std::string address, ReadSocketAddress(call, call.AddrArg(4), call.IntArg(5)));
  const std::optional<std::string> path = UnixSocketPath(address);
  if (!path) return ContinueNative();
  if (call.Arg(2) > kMaxDatagram) return Errno(EMSGSIZE);
  TRY_ASSIGN(const std::string data, call.ReadBytes(call.AddrArg(1), call.Arg(2)));
  TRY_ASSIGN(const size_t sent, OnPath<size_t>(
                                    call, {AT_FDCWD, *path},
                                    [&](const Caller& caller, const TreePlace& place) {
                                      return call.gofer().SendToUnix(caller.credentials,
                                                                     socket.get(), place.ref(),
                                                                     data, call.IntArg(3));
                                    },
                                    NoSocketInVirtualTree<size_t>(call)));
  return Value{static_cast<int64_t>(sent)};
}

}  // namespace moat::sentry
