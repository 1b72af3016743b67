#include "sentry/net/by_task.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "base/linux_abi/errno.h"
#include "sentry/container.h"
#include "sentry/fs/hand_over.h"
#include "sentry/net/brief_waits.h"
#include "sentry/net/task_name.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;
using platform::Session;
using Clock = std::chrono::steady_clock;

constexpr auto kFirstNap = std::chrono::milliseconds(1);
constexpr auto kLongestNap = std::chrono::milliseconds(20);

bool IsNonBlocking(const Fd& socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

// Attempts until one does not say EAGAIN, the socket's own time is over, or the session should end
// (-ERESTARTSYS). `pause` comes between two attempts.
Result<uint64_t> Insist(Session& session, std::chrono::microseconds own_timeout,
                        absl::FunctionRef<Result<uint64_t>()> attempt,
                        absl::FunctionRef<void()> pause) {
  const auto start = Clock::now();
  for (;;) {
    auto result = attempt();
    if (result.ok() || !(result.error() == Errno(EAGAIN))) return result;
    if (own_timeout.count() > 0 && Clock::now() - start >= own_timeout) return result;
    if (session.ShouldEnd()) return Errno(linux_abi::kErestartSys);
    pause();
  }
}

// The answer for the task: that of its own call, or of `otherwise` if the name did not lead there.
void Finish(Session& session, Result<uint64_t> result, const Otherwise& otherwise) {
  if (otherwise && !result.ok() && IsAboutName(result.error())) {
    result = otherwise([&session] { return session.ShouldEnd(); });
    if (!result.ok() && result.error() == Errno(EINTR)) result = Errno(linux_abi::kErestartSys);
  }
  session.Finish(AsReturned(result));
}

// A message and what it points to, as one block in the task.
struct MessageBlock {
  GuestMessage message;
  GuestBuffer vector;
  char address[sizeof(sockaddr_storage)] = {};
};

std::string BlockAt(GuestAddr at, GuestMessage message, const GuestBuffer* data,
                    const std::string& address) {
  MessageBlock block;
  message.name = at.Plus(offsetof(MessageBlock, address)).value();
  message.name_size = static_cast<uint32_t>(address.size());
  if (data != nullptr) {
    block.vector = *data;
    message.vectors = at.Plus(offsetof(MessageBlock, vector)).value();
    message.vector_count = 1;
  }
  block.message = message;
  std::memcpy(block.address, address.data(), std::min(address.size(), sizeof(block.address)));
  return {static_cast<const char*>(static_cast<const void*>(&block)), sizeof(block)};
}

// Messages that one task sends on one socket, in a session.
class Sending {
 public:
  Sending(Call& call, Session& session, int number, const Fd& socket, int flags)
      : call_(call),
        session_(session),
        number_(static_cast<uint64_t>(number)),
        waits_((flags & MSG_DONTWAIT) == 0 && !IsNonBlocking(socket)),
        own_timeout_(waits_ ? SendTimeout(socket) : std::chrono::microseconds(0)) {}

  // With another name, and with `data` for what it holds, unless null.
  Result<uint64_t> Renamed(const GuestMessage& message, const GuestBuffer* data,
                           const std::string& address) {
    // The block's address is needed for its contents: it is filled in when it is there.
    const std::string room(sizeof(MessageBlock), '\0');
    return UseBytes(call_, session_, room, [&](GuestAddr at) -> Result<uint64_t> {
      TRY(call_.WriteBytes(at, BlockAt(at, message, data, address)));
      return AsItIs(at);
    });
  }

  // A message that lies in the task.
  Result<uint64_t> AsItIs(GuestAddr message) {
    // No other flag means anything to a datagram socket of AF_UNIX, and with this one alone the
    // call is native.
    const auto attempt = [&] {
      return session_.Call(SYS_sendmsg, {number_, message.value(), MSG_DONTWAIT});
    };
    if (!waits_) return attempt();
    auto nap = kFirstNap;
    return Insist(session_, own_timeout_, attempt, [&nap] {
      std::this_thread::sleep_for(nap);
      nap = std::min(nap * 2, kLongestNap);
    });
  }

 private:
  Call& call_;
  Session& session_;
  const uint64_t number_;
  const bool waits_;
  const std::chrono::microseconds own_timeout_;
};

}  // namespace

Outcome ConnectByTask(Call& call, int number, const Fd& socket, const std::string& address,
                      const Otherwise& otherwise) {
  BriefWaits& waits = call.container().brief_waits;
  std::optional<BriefWaits::Shortened> shortened;
  if (!IsNonBlocking(socket)) {
    TRY_ASSIGN(auto made, waits.Shorten(socket));
    shortened.emplace(std::move(made));
  }
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  auto connected = UseBytes(call, *session, address, [&](GuestAddr at) {
    const auto attempt = [&] {
      return session->Call(SYS_connect,
                           {static_cast<uint64_t>(number), at.value(), address.size()});
    };
    if (!shortened) return attempt();
    return Insist(*session, shortened->own_timeout(), attempt, [] {});
  });
  shortened.reset();
  Finish(*session, connected, otherwise);
  return Finished();
}

Outcome SendByTask(Call& call, int number, const Fd& socket, const std::string& address,
                   const GuestMessage& message, const GuestBuffer* data, int flags,
                   const Otherwise& otherwise) {
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  Sending sending(call, *session, number, socket, flags);
  Finish(*session, sending.Renamed(message, data, address), otherwise);
  return Finished();
}

Outcome SendLettersByTask(Call& call, int number, const Fd& socket,
                          const std::vector<GuestLetter>& letters, int flags) {
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  Sending sending(call, *session, number, socket, flags);
  uint64_t count = 0;
  Result<uint64_t> sent = count;
  for (const GuestLetter& letter : letters) {
    sent = letter.address ? sending.Renamed(letter.message, nullptr, *letter.address)
                          : sending.AsItIs(letter.at);
    if (!sent.ok()) break;
    const auto size = static_cast<uint32_t>(*sent);
    if (!call.WriteObject(letter.at.Plus(sizeof(GuestMessage)), size).ok()) {
      sent = Errno(EFAULT);
      break;
    }
    ++count;
  }
  // As the kernel does it: an error behind the first message is not told.
  if (count > 0) sent = count;
  Finish(*session, sent, nullptr);
  return Finished();
}

}  // namespace moat::sentry
