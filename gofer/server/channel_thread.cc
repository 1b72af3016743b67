#include "gofer/server/channel_thread.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/turns.h"
#include "gofer/protocol/reply.h"
#include "gofer/protocol/service.h"

namespace moat::gofer {
namespace {

// The deepest path holds a PATH_MAX buffer and a few statx.
constexpr size_t kStackSize = size_t{128} * 1024;
constexpr size_t kMaxBody = kMaxReply - sizeof(ReplyHeader);
constexpr useconds_t kStopInterval = 1000;

// Hands out a packet's descriptors in the order of their bits.
class DescriptorRoles {
 public:
  DescriptorRoles(uint32_t roles, PacketFds& fds) : roles_(roles), fds_(fds) {}
  Fd Take(uint32_t role) { return (roles_ & role) != 0 ? std::move(fds_.fds[next_++]) : Fd(); }

 private:
  const uint32_t roles_;
  PacketFds& fds_;
  size_t next_ = 0;
};

}  // namespace

ChannelThread::ChannelThread(const ServerContext& context, Fd socket, SharedSlots slots)
    : context_(context),
      socket_(std::move(socket)),
      slots_(std::move(slots)),
      request_(new char[kMaxRequest]),
      body_(new char[kMaxBody]) {}

Result<std::unique_ptr<ChannelThread>> ChannelThread::Start(const ServerContext& context, Fd socket,
                                                            SharedSlots slots) {
  auto channel = std::unique_ptr<ChannelThread>(
      new ChannelThread(context, std::move(socket), std::move(slots)));
  pthread_attr_t attributes;
  if (const int error = ::pthread_attr_init(&attributes); error != 0) return Errno(error);
  ::pthread_attr_setstacksize(&attributes, kStackSize);
  const int error = ::pthread_create(&channel->thread_, &attributes, &Main, channel.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    channel->thread_ = {};
    return Errno(error);
  }
  return channel;
}

ChannelThread::~ChannelThread() {
  if (thread_ == pthread_t{}) return;
  stopping_.store(true);
  ::shutdown(socket_.get(), SHUT_RDWR);
  while (!finished()) {
    ::pthread_kill(thread_, kCancelSignal);
    ::usleep(kStopInterval);
  }
  ::pthread_join(thread_, nullptr);
}

void ChannelThread::Cancel(uint32_t sequence) {
  if (performing_.load() != sequence) return;
  cancelled_.store(sequence);
  ::pthread_kill(thread_, kCancelSignal);
}

void* ChannelThread::Main(void* self) {
  auto* channel = static_cast<ChannelThread*>(self);
  channel->Serve();
  // The sentry sees the end of the channel now, not when the service thread gets round to it.
  ::shutdown(channel->socket_.get(), SHUT_RDWR);
  channel->finished_.store(true);
  return nullptr;
}

void ChannelThread::Serve() {
  HandOverPolitely();
  auto identity = ThreadIdentity::Take(context_.policy, context_.container_root.get());
  if (!identity.ok() || !Introduce()) return;
  while (AwaitTurn() && ServeOne(identity.value())) {
  }
}

// Whether the sentry has now what it needs to give us turns.
bool ChannelThread::Introduce() {
  const auto listener = BecomeFollower();
  const int error = listener.ok() ? 0 : listener.error().value();
  ServiceMessage message = MakeServiceMessage(ServiceKind::kFollower, 0, 0, error);
  const iovec part = {&message, sizeof(message)};
  if (!listener.ok()) {
    (void)SendPacket(socket_.get(), {&part, 1}, {}).ok();
    return false;
  }
  const int fd = listener.value().get();
  return SendPacket(socket_.get(), {&part, 1}, {&fd, 1}).ok();
}

bool ChannelThread::AwaitTurn() {
  for (;;) {
    const auto passed = PassTurn();
    if (passed.ok()) return true;
    if (passed.error().value() != EINTR || stopping_.load()) return false;
  }
}

bool ChannelThread::ServeOne(ThreadIdentity& identity) {
  PacketFds fds;
  const auto message = slots_.request().Read({request_.get(), kMaxRequest});
  if (!message.ok()) return false;
  if (message->has_descriptors && !ReceiveDescriptors(socket_.get(), fds).ok()) return false;
  const auto request = DecodeRequest({request_.get(), message->size}, fds.count);
  if (!request.ok()) return false;
  performing_.store(request.value().sequence);
  // Our copy of the reply's descriptor is closed with it, before the sentry has its turn.
  const Executed executed = Perform(identity, request.value(), std::move(fds));
  performing_.store(0);
  return !stopping_.load() && Send(request.value(), executed);
}

Executed ChannelThread::Perform(ThreadIdentity& identity, const Request& request, PacketFds fds) {
  DescriptorRoles roles(request.descriptors, fds);
  const Fd base = roles.Take(kBaseDescriptor);
  Fd root = roles.Take(kRootDescriptor);
  const Fd second_base = roles.Take(kSecondBaseDescriptor);
  const Fd object = roles.Take(kObjectDescriptor);

  if (auto become = identity.Become(request); !become.ok()) {
    return {Failed(become.error().value()), ""};
  }
  if (auto enter = identity.EnterRoot(std::move(root)); !enter.ok()) {
    return {Failed(enter.error().value()), ""};
  }
  Job job = {request, identity, context_.mounts, *context_.watches, {body_.get(), kMaxBody}};
  job.base = base ? base.get() : identity.root();
  job.second_base = second_base ? second_base.get() : identity.root();
  job.object = object.get();
  for (;;) {
    Executed executed = Execute(context_.mounts, job);
    // A signal that was meant for the request before is not to be seen.
    if (executed.performed.error != EINTR || Cancelled(request.sequence)) return executed;
  }
}

bool ChannelThread::Send(const Request& request, const Executed& executed) {
  Reply reply;
  int fd = -1;
  if (!executed.crossing.empty()) {
    reply = {ReplyKind::kCrossing, ELOOP, 0, executed.crossing};
  } else if (executed.performed.error != 0) {
    reply = {ReplyKind::kError, executed.performed.error, 0, {}};
  } else {
    reply = {ReplyKind::kValue, 0, executed.performed.value, executed.performed.body};
    fd = executed.performed.fd.get();
  }
  ReplyHeader header = MakeReplyHeader(request.operation, request.sequence, fd >= 0, reply);
  const std::array<iovec, 2> parts = {
      iovec{&header, sizeof(header)},
      iovec{const_cast<char*>(reply.body.data()), reply.body.size()}};
  if (!slots_.reply().Write(parts, fd >= 0 ? 1 : 0).ok()) return false;
  return fd < 0 || SendDescriptors(socket_.get(), {&fd, 1}).ok();
}

}  // namespace moat::gofer
