// Sockets that a path names, and what egress and listen rules refuse: connect, bind, sendto,
// sendmsg, sendmmsg.
//
// The task itself connects and sends where the kernel records who did (sentry/net/by_task.h), the
// gofer where nobody asks or the task can't name the socket: then the peer sees the caller's uid
// and gid, and 0 for its pid.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "sentry/audit/refuse.h"
#include "sentry/container.h"
#include "sentry/fs/on_path.h"
#include "sentry/net/by_task.h"
#include "sentry/net/network_rules.h"
#include "sentry/net/socket_address.h"
#include "sentry/net/task_name.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

// The largest datagram that is carried to the gofer; the kernel's own limit, the send buffer
// (net.core.wmem_default), is 208 KiB.
constexpr uint64_t kMaxDatagram = uint64_t{256} * 1024;

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

// Whom the gofer acts for, and where. Found before a session begins: afterwards the trap waits no
// more, so nothing could be proved by it.
struct Errand {
  Place place;
  Caller caller;
};

// `act`, on a path that an address can hold. Behind a descriptor of /proc/self/fd no path is left;
// the name that the kernel knows may be too long.
template <typename T, typename Act>
gofer::Outcome<T> Addressed(Call& call, const TreePlace& place, const Act& act) {
  if (!place.is_descriptor()) return act(place.ref());
  const auto name = call.container().tasks->NameOf(*place.base);
  if (!name.ok()) return gofer::Failure{name.error(), {}};
  if (!absl::StartsWith(*name, "/")) return gofer::Failure{Errno(ECONNREFUSED), {}};
  return call.container().short_names->With<T>(*name, act);
}

Result<Errand> PrepareErrand(Call& call, const std::string& path) {
  TRY_ASSIGN(Place place, Locate(call, {AT_FDCWD, path}));
  TRY_ASSIGN(Caller caller, Identify(call));
  return Errand{std::move(place), std::move(caller)};
}

Result<uint64_t> ConnectByGofer(Call& call, const Fd& socket, Errand& errand,
                                const std::function<bool()>& give_up) {
  const auto& caller = errand.caller;
  TRY(FromPlace<Unit>(
      call, std::move(errand.place),
      [&](const TreePlace& found) {
        return Addressed<Unit>(call, found, [&](const gofer::PathRef& path) {
          return call.gofer().ConnectUnix(caller.credentials, socket.get(), path, give_up);
        });
      },
      [&](absl::string_view path) { return NoSocketInVirtualTree<Unit>(call)(caller, path); }));
  return uint64_t{0};
}

Result<uint64_t> SendByGofer(Call& call, const Fd& socket, Errand& errand, const GuestBuffer& data,
                             int flags) {
  if (data.size > kMaxDatagram) return Errno(EMSGSIZE);
  TRY_ASSIGN(const std::string bytes, call.ReadBytes(platform::GuestAddr(data.address), data.size));
  const auto& caller = errand.caller;
  TRY_ASSIGN(const size_t sent,
             FromPlace<size_t>(
                 call, std::move(errand.place),
                 [&](const TreePlace& found) {
                   return Addressed<size_t>(call, found, [&](const gofer::PathRef& path) {
                     return call.gofer().SendToUnix(caller.credentials, socket.get(), path, bytes,
                                                    flags);
                   });
                 },
                 [&](absl::string_view path) {
                   return NoSocketInVirtualTree<size_t>(call)(caller, path);
                 }));
  return uint64_t{sent};
}

Outcome AsOutcome(const Result<uint64_t>& result) {
  if (result.ok()) return Value{static_cast<int64_t>(*result)};
  if (result.error() == Errno(EINTR)) return Restart();
  return result.error();
}

// Its SO_DOMAIN and SO_TYPE.
bool IsUnix(const Fd& socket, std::initializer_list<int> types) {
  int domain = 0, type = 0;
  socklen_t size = sizeof(domain);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  return domain == AF_UNIX && std::find(types.begin(), types.end(), type) != types.end();
}

// Whether the task was found untouched: the trap still waits for an answer.
bool MayGoByGofer(const Outcome& outcome) {
  const auto* error = std::get_if<Errno>(&outcome);
  return error != nullptr && !(*error == Errno(ESRCH));
}

// Which protocol it is made for: rules ask.
policies::Protocol ProtocolOf(const Fd& socket) {
  int protocol = 0;
  socklen_t size = sizeof(protocol);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) return {};
  return static_cast<policies::Protocol>(protocol);
}

// The kernel is about to refuse by itself: told here, since nobody else can. Whether it is.
bool TellRefusal(Call& call, NetworkRules::Use use, const Fd& socket, absl::string_view address) {
  const NetworkRules* rules = call.container().network.get();
  if (rules == nullptr || !rules->Any(use)) return false;
  auto point = InternetEndPoint(address);
  if (!point) return false;
  point->protocol = ProtocolOf(socket);
  const auto refused = rules->Refusal(use, *point);
  const Entry* entry = FindSyscall(call.trap().nr);
  if (!refused || entry == nullptr) return false;
  RecordRefusal(call, *entry, refused->rule, refused->reason, Errno(EPERM),
                {policies::EndPointText(*point)});
  return true;
}

// The same of a message's name, if it has one.
bool TellRefusal(Call& call, const Fd& socket, const GuestMessage& message) {
  if (message.name == 0) return false;
  const auto address = ReadSocketAddress(call, platform::GuestAddr(message.name),
                                         static_cast<int>(message.name_size));
  return address.ok() && TellRefusal(call, NetworkRules::Use::kReach, socket, *address);
}

// The address by which the caller itself sends a message to the path in its name. Nothing where
// the name is no path, or where no such address fits: the kernel then says what it says of a path
// in an empty root.
Result<std::optional<std::string>> AddressOfMessage(Call& call, const GuestMessage& message) {
  const auto given = ReadSocketAddress(call, platform::GuestAddr(message.name),
                                       static_cast<int>(message.name_size));
  const auto path = given.ok() ? UnixSocketPath(*given) : std::nullopt;
  if (!path) return std::optional<std::string>();
  auto address = AddressForTask(call, *path);
  if (address.ok()) return std::optional(*std::move(address));
  if (address.error() == Errno(ENAMETOOLONG)) return std::optional<std::string>();
  return address.error();
}

bool HasName(const GuestLetter& letter) { return letter.message.name != 0; }

// The messages of a sendmmsg(2), not yet addressed.
Result<std::vector<GuestLetter>> ReadMessages(Call& call, platform::GuestAddr from,
                                              uint32_t count) {
  struct Entry {
    GuestMessage message;
    uint32_t sent, padding;
  };
  count = std::min<uint32_t>(count, UIO_MAXIOV);  // as the kernel does
  TRY_ASSIGN(const std::string bytes, call.ReadBytes(from, count * sizeof(Entry)));
  std::vector<GuestLetter> letters(count);
  for (size_t i = 0; i < count; ++i) {
    letters[i].at = from.Plus(i * sizeof(Entry));
    std::memcpy(&letters[i].message, bytes.data() + i * sizeof(Entry), sizeof(GuestMessage));
  }
  return letters;
}

// Those that can be sent, with their addresses; the error of the first one's.
Result<std::vector<GuestLetter>> Address(Call& call, std::vector<GuestLetter> letters) {
  for (auto letter = letters.begin(); letter != letters.end(); ++letter) {
    if (!HasName(*letter)) continue;
    auto address = AddressOfMessage(call, letter->message);
    if (!address.ok() && letter == letters.begin()) return address.error();
    if (!address.ok()) {
      letters.erase(letter, letters.end());
      break;
    }
    letter->address = *std::move(address);
  }
  return letters;
}

}  // namespace

Outcome SysConnect(Call& call) {
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  TRY_ASSIGN(const std::string address, ReadSocketAddress(call, call.AddrArg(1), call.IntArg(2)));
  const std::optional<std::string> path = UnixSocketPath(address);
  if (!path) {
    TellRefusal(call, NetworkRules::Use::kReach, socket, address);
    return ContinueNative();
  }
  // A datagram socket's peer learns of its sender with each message, not here.
  const bool recorded = IsUnix(socket, {SOCK_STREAM, SOCK_SEQPACKET});
  const auto name = recorded ? AddressForTask(call, *path) : Result<std::string>(Errno(ENOENT));
  TRY_ASSIGN(Errand errand, PrepareErrand(call, *path));
  const auto by_gofer = [&](const std::function<bool()>& give_up) {
    return ConnectByGofer(call, socket, errand, give_up);
  };
  if (name.ok()) {
    Outcome outcome = ConnectByTask(call, call.FdArg(0), socket, *name, by_gofer);
    if (!MayGoByGofer(outcome)) return outcome;
  }
  return AsOutcome(by_gofer([&call] { return call.SignalPending(); }));
}

Outcome SysBind(Call& call) {
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  TRY_ASSIGN(const std::string address, ReadSocketAddress(call, call.AddrArg(1), call.IntArg(2)));
  const std::optional<std::string> path = UnixSocketPath(address);
  if (!path) {
    TellRefusal(call, NetworkRules::Use::kListen, socket, address);
    return ContinueNative();
  }
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
  if (!path) {
    TellRefusal(call, NetworkRules::Use::kReach, socket, address);
    return ContinueNative();
  }
  if (!IsUnix(socket, {SOCK_DGRAM})) return ContinueNative();  // which takes no address
  const GuestBuffer data = {call.Arg(1), call.Arg(2)};
  const auto name = AddressForTask(call, *path);
  TRY_ASSIGN(Errand errand, PrepareErrand(call, *path));
  const auto by_gofer = [&](const std::function<bool()>&) {
    return SendByGofer(call, socket, errand, data, call.IntArg(3));
  };
  if (name.ok()) {
    Outcome outcome =
        SendByTask(call, call.FdArg(0), socket, *name, {}, &data, call.IntArg(3), by_gofer);
    if (!MayGoByGofer(outcome)) return outcome;
  }
  return AsOutcome(by_gofer(nullptr));
}

// Only with flags by which a path may come (checks::SendMessage).
Outcome SysSendmsg(Call& call) {
  // The sentry's own, in a session, under a policy that wants to see all.
  if (call.Arg(5) == call.platform().cookie()) return ContinueNative();
  auto message = call.ReadObject<GuestMessage>(call.AddrArg(1));
  if (!message.ok() || message->name == 0) return ContinueNative();
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  if (!IsUnix(socket, {SOCK_DGRAM})) {
    TellRefusal(call, socket, *message);
    return ContinueNative();
  }
  TRY_ASSIGN(const auto address, AddressOfMessage(call, *message));
  if (!address) return ContinueNative();
  TRY(Identify(call));
  return SendByTask(call, call.FdArg(0), socket, *address, *message, nullptr, call.IntArg(2),
                    nullptr);
}

Outcome SysSendmmsg(Call& call) {
  auto messages = ReadMessages(call, call.AddrArg(1), call.UintArg(2));
  // What can't be read to its end the kernel reads as far as it comes.
  if (!messages.ok() || std::none_of(messages->begin(), messages->end(), HasName)) {
    return ContinueNative();
  }
  TRY_ASSIGN(const Fd socket, call.TakeFd(call.FdArg(0)));
  if (!IsUnix(socket, {SOCK_DGRAM})) {
    // The kernel sends them in order: a refused one is the last that it looks at.
    (void)std::any_of(messages->begin(), messages->end(), [&](const GuestLetter& letter) {
      return TellRefusal(call, socket, letter.message);
    });
    return ContinueNative();
  }
  TRY_ASSIGN(const auto letters, Address(call, *messages));
  const auto renamed = [](const GuestLetter& letter) { return letter.address.has_value(); };
  if (std::none_of(letters.begin(), letters.end(), renamed)) return ContinueNative();
  TRY(Identify(call));
  return SendLettersByTask(call, call.FdArg(0), socket, letters, call.IntArg(3));
}

}  // namespace moat::sentry
