#include "sentry/fs/open_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "sentry/fs/hand_over.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/reopen.h"
#include "sentry/fs/terminal.h"

namespace moat::sentry {
namespace {

using gofer::Failure;
using gofer::Opened;

constexpr uint64_t kScoping = RESOLVE_BENEATH | RESOLVE_IN_ROOT;

// Where the answer is known already.
std::optional<gofer::Outcome<Opened>> OpenByMemory(Call& call, const Caller& caller,
                                                   const TreePlace& place,
                                                   const OpenRequest& request) {
  if (!MayOpenUnasked(request.flags) || request.resolve != 0) return std::nullopt;
  const bool follow = (request.flags & O_NOFOLLOW) == 0;
  const auto memory = call.gofer().Recall(caller.credentials, place.ref(),
                                          follow ? gofer::Follow::kYes : gofer::Follow::kNo);
  if (!memory.known) return std::nullopt;
  if (memory.missing) return Failure{Errno(ENOENT), {}};
  auto opened = OpenUnasked(caller.credentials, memory, request.flags);
  if (!opened) return std::nullopt;
  return *std::move(opened);
}

// Whether open(2) may wait: for the other end of a FIFO, for a device, or for a lease to end.
bool MayWait(uint64_t flags) {
  const bool only_makes = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  return !only_makes && (flags & (O_PATH | O_DIRECTORY | O_NONBLOCK)) == 0;
}

gofer::Outcome<Opened> OpenInTree(Call& call, const Caller& caller, const TreePlace& place,
                                  const OpenRequest& request) {
  if (place.is_descriptor()) return Reopen(call, caller, place, request.flags);
  if (auto opened = OpenByMemory(call, caller, place, request)) return *std::move(opened);
  gofer::Channel::GiveUp give_up;
  if (MayWait(request.flags)) give_up = [&call] { return call.SignalPending(); };
  auto opened = call.gofer().Open(caller.credentials, place.ref(), request.flags, request.mode,
                                  request.resolve, give_up);
  const auto* failure = std::get_if<Failure>(&opened);
  // The gofer has no controlling terminal, so a /dev/tty answers ENXIO there (tty(4)).
  if (failure == nullptr || !(failure->error == Errno(ENXIO))) return opened;
  auto attributes = call.gofer().Stat(caller.credentials, place.ref(), 0, STATX_BASIC_STATS);
  const auto* found = std::get_if<struct statx>(&attributes);
  if (found == nullptr || !IsControllingTerminalNode(*found)) return opened;
  return OpenControllingTerminal(call, request.flags);
}

// What the RESOLVE_* flags say of a path in the virtual tree. Its own symbolic links ("self") count
// as plain names.
Result<void> CheckVirtualResolve(const PathArg& where, uint64_t resolve) {
  if ((resolve & RESOLVE_CACHED) != 0) return Errno(EAGAIN);
  if ((resolve & kScoping) == 0) return {};
  for (const absl::string_view part : absl::StrSplit(where.path, '/')) {
    if (part == "..") return Errno(EXDEV);
  }
  return {};
}

// A magic link: nothing that the resolve flags forbid may follow it (openat2(2)).
Result<void> CheckMagicLink(uint64_t resolve) {
  if ((resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)) != 0) return Errno(ELOOP);
  if ((resolve & (kScoping | RESOLVE_NO_XDEV)) != 0) return Errno(EXDEV);
  return {};
}

VirtualResult<Opened> OpenVirtual(Call& call, const Caller& caller, absl::string_view path,
                                  const OpenRequest& request) {
  if (auto allowed = CheckVirtualResolve(request.where, request.resolve); !allowed.ok()) {
    return allowed.error();
  }
  auto result = call.container().tree->Open(caller.viewer(), path, request.flags);
  if (auto* error = std::get_if<Errno>(&result)) return *error;
  if (auto* left = std::get_if<LeftTree>(&result)) {
    if (!left->is_node) {
      if (auto allowed = CheckMagicLink(request.resolve); !allowed.ok()) return allowed.error();
    }
    return std::move(*left);
  }
  return Opened{std::move(std::get<VirtualOpened>(result).fd), {}};
}

Outcome TakeAsControllingTerminal(Call& call, const Opened& opened, bool close_on_exec) {
  return UseDescriptor(call, opened.fd,
                       [close_on_exec](platform::Session& session, int number) -> int64_t {
                         const auto fd = static_cast<uint64_t>(number);
                         // As open(2): when the terminal can't be taken the open succeeds all the
                         // same.
                         (void)session.Call(SYS_ioctl, {fd, TIOCSCTTY, 0});
                         if (!close_on_exec) (void)session.Call(SYS_fcntl, {fd, F_SETFD, 0});
                         return number;
                       });
}

}  // namespace

Result<Opened> OpenFile(Call& call, const OpenRequest& request) {
  return OnPath<Opened>(
      call, request.where,
      [&](const Caller& caller, const TreePlace& place) {
        return OpenInTree(call, caller, place, request);
      },
      [&](const Caller& caller, absl::string_view path) {
        return OpenVirtual(call, caller, path, request);
      });
}

Outcome OpenForCaller(Call& call, const OpenRequest& request) {
  auto opened = OpenFile(call, request);
  if (!opened.ok()) {
    // The gofer gave up waiting for the other end of a FIFO because a signal is pending.
    if (opened.error() == Errno(EINTR)) return Restart();
    return opened.error();
  }
  const bool close_on_exec = (request.flags & O_CLOEXEC) != 0;
  if (BecomesControllingTerminal(call, opened->attributes, request.flags)) {
    return TakeAsControllingTerminal(call, *opened, close_on_exec);
  }
  // Only O_PATH makes such a descriptor.
  if ((request.flags & O_PATH) == 0) return GiveFd{std::move(opened->fd), close_on_exec};
  return GiveDescriptor(call, std::move(opened->fd), close_on_exec);
}

}  // namespace moat::sentry
