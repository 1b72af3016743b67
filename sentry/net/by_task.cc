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
  Finish(*session, std::move(connected), otherwise);
  return Finished();
}

Outcome SendByTask(Call& call, int number, const Fd& socket, const std::string& address,
                   const GuestMessage& message, const GuestBuffer* data, int flags,
                   const Otherwise& otherwise) {
  const bool waits = (flags & MSG_DONTWAIT) == 0 && !IsNonBlocking(socket);
  const auto own_timeout = waits ? SendTimeout(socket) : std::chrono::microseconds(0);
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  // The block's address is needed for its contents: it is filled in when it is there.
  const std::string room(sizeof(MessageBlock), '\0');
  auto sent = UseBytes(call, *session, room, [&](GuestAddr at) -> Result<uint64_t> {
    TRY(call.WriteBytes(at, BlockAt(at, message, data, address)));
    const auto attempt = [&] {
      return session->Call(SYS_sendmsg, {static_cast<uint64_t>(number), at.value(),
                                         static_cast<uint64_t>(flags | MSG_DONTWAIT)});
    };
    if (!waits) return attempt();
    auto nap = kFirstNap;
    return Insist(*session, own_timeout, attempt, [&nap] {
      std::this_thread::sleep_for(nap);
      nap = std::min(nap * 2, kLongestNap);
    });
  });
  Finish(*session, std::move(sent), otherwise);
  return Finished();
}

}  // namespace moat::sentry
