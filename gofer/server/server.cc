#include "gofer/server/server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "gofer/protocol/packet.h"
#include "gofer/protocol/service.h"
#include "gofer/server/channel_thread.h"

namespace moat::gofer {
namespace {

// Far above the threads of any sentry; a bound all the same.
constexpr size_t kMaxChannels = 1024;

// How soon to look again after a thread whose peer is gone and that does not end yet.
constexpr int kRetryMilliseconds = 100;

absl::Status InstallCancelHandler() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  if (::sigaction(kCancelSignal, &action, nullptr) < 0) {
    return ErrnoStatus(errno, "sigaction", "SIGUSR1");
  }
  return absl::OkStatus();
}

class Server {
 public:
  Server(Fd service, ServerContext context, bool stable_mounts)
      : service_(std::move(service)), stable_mounts_(stable_mounts), context_(std::move(context)) {}

  absl::Status Run() {
    for (;;) {
      AwaitMessage();
      std::array<char, sizeof(ServiceMessage)> buffer;
      PacketFds fds;
      const auto size = ReceivePacket(service_.get(), absl::MakeSpan(buffer), fds);
      if (!size.ok()) return ErrnoStatus(size.error().value(), "receive from", "service socket");
      if (*size == 0) return absl::OkStatus();
      const auto message =
          DecodeServiceRequest(absl::MakeConstSpan(buffer).first(*size), fds.count);
      if (!message.ok()) {
        return absl::InvalidArgumentError("the sentry sent a malformed service message");
      }
      RETURN_IF_ERROR(Handle(message.value(), std::move(fds)));
    }
  }

 private:
  // Returns when something came from the sentry. Meanwhile lets go of channels that end, with their
  // sockets and memory: a storm of calls leaves hundreds.
  void AwaitMessage() {
    std::vector<pollfd> polled;
    do {
      const bool all_finished = RemoveFinished(polled);
      polled.assign(1, {service_.get(), POLLIN, 0});
      for (const auto& [id, channel] : channels_) {
        if (all_finished) polled.push_back({channel->socket(), 0, 0});
      }
      ::poll(polled.data(), polled.size(), all_finished ? -1 : kRetryMilliseconds);
    } while (polled[0].revents == 0);
  }

  // False when one that hung up is still at work.
  bool RemoveFinished(const std::vector<pollfd>& polled) {
    const auto hung_up = std::count_if(polled.begin(), polled.end(),
                                       [](const pollfd& one) { return one.revents & POLLHUP; });
    const size_t before = channels_.size();
    for (auto it = channels_.begin(); it != channels_.end();) {
      it = it->second->finished() ? channels_.erase(it) : std::next(it);
    }
    return before - channels_.size() >= static_cast<size_t>(hung_up);
  }

  absl::Status Handle(const ServiceMessage& message, PacketFds fds) {
    switch (static_cast<ServiceKind>(message.kind)) {
      case ServiceKind::kHello:
        return Answer(ServiceKind::kHello, 0, 0, EventsForSentry());
      case ServiceKind::kNewChannel:
        return Answer(ServiceKind::kNewChannel, message.channel,
                      OpenChannel(message.channel, std::move(fds.fds[0]), fds.fds[1]));
      case ServiceKind::kCancel:
        if (auto found = channels_.find(message.channel); found != channels_.end()) {
          found->second->Cancel(message.sequence);
        }
        return absl::OkStatus();
      case ServiceKind::kFollower:
        break;
    }
    return absl::InternalError("a service message of no kind was decoded");
  }

  // Returns an errno or 0.
  int OpenChannel(uint32_t id, Fd socket, const Fd& memory) {
    RemoveFinished({});
    if (channels_.size() >= kMaxChannels) return EAGAIN;
    if (channels_.count(id) != 0) return EEXIST;
    auto slots = SharedSlots::Map(memory);
    if (!slots.ok()) return slots.error().value();
    auto channel = ChannelThread::Start(context_, std::move(socket), std::move(slots).value());
    if (!channel.ok()) return channel.error().value();
    channels_.emplace(id, std::move(channel).value());
    return 0;
  }

  absl::Span<const int> EventsForSentry() {
    if (!stable_mounts_ || !context_.watches->events()) return {};
    events_ = context_.watches->events().get();
    return {&events_, 1};
  }

  absl::Status Answer(ServiceKind kind, uint32_t channel, int error,
                      absl::Span<const int> fds = {}) {
    ServiceMessage message = MakeServiceMessage(kind, channel, 0, error);
    const iovec part = {&message, sizeof(message)};
    const auto sent = SendPacket(service_.get(), {part}, fds);
    if (!sent.ok() && sent.error().value() != EPIPE) {
      return ErrnoStatus(sent.error().value(), "send to", "service socket");
    }
    return absl::OkStatus();
  }

  const Fd service_;
  const bool stable_mounts_;
  int events_ = -1;
  const ServerContext context_;
  std::map<uint32_t, std::unique_ptr<ChannelThread>> channels_;  // after context_: they use it
};

}  // namespace

absl::Status Serve(Fd service, const IdentityPolicy& policy, bool stable_mounts) {
  ServerContext context;
  context.policy = policy;
  context.container_root.Reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!context.container_root) return ErrnoStatus(errno, "open", "/");
  auto mounts = VirtualMounts::Learn(context.container_root.get());
  if (!mounts.ok()) return ErrnoStatus(mounts.error().value(), "examine", "/proc and /sys");
  context.mounts = *mounts;
  context.watches = std::make_unique<Watches>();
  RETURN_IF_ERROR(InstallCancelHandler());
  return Server(std::move(service), std::move(context), stable_mounts).Run();
}

}  // namespace moat::gofer
