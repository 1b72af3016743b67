#include "resolver/connections.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace moat::resolver {
namespace {

constexpr size_t kBuffer = 4096, kMaxUnsent = 64 << 10;

}  // namespace

bool Connections::Reads(const Connection& connection) {
  return !connection.ended && connection.unanswered < kMaxUnanswered &&
         connection.unsent.size() < kMaxUnsent;
}

std::vector<pollfd> Connections::Polled() const {
  std::vector<pollfd> polled = {{listener_.get(), POLLIN, 0}};
  for (const Connection& connection : connections_) {
    const int events = (Reads(connection) ? POLLIN : 0) | (connection.unsent.empty() ? 0 : POLLOUT);
    polled.push_back({connection.socket.get(), static_cast<short>(events), 0});
  }
  return polled;
}

uint64_t Connections::Until() const {
  uint64_t until = ~uint64_t{0};
  for (const Connection& connection : connections_) {
    if (connection.unanswered == 0) until = std::min(until, connection.since + kSilence);
  }
  return until;
}

std::vector<Connections::Asked> Connections::Take(const std::vector<pollfd>& ready, uint64_t now) {
  std::vector<Asked> asked;
  for (size_t i = 1; i < ready.size(); ++i) {
    Connection& connection = connections_[i - 1];
    if ((ready[i].revents & (POLLERR | POLLHUP)) != 0) connection.socket.Reset();
    if ((ready[i].revents & POLLOUT) != 0) SendRest(connection);
    if ((ready[i].revents & POLLIN) != 0) Read(connection, now, asked);
  }
  RemoveClosed();
  if (ready[0].revents != 0) Accept(now);
  return asked;
}

void Connections::Read(Connection& connection, uint64_t now, std::vector<Asked>& asked) {
  if (!connection.socket) return;
  std::array<char, kBuffer> data;
  const ssize_t size = ::recv(connection.socket.get(), data.data(), data.size(), MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN && errno != EINTR) connection.socket.Reset();
    return;
  }
  connection.ended = size == 0;
  connection.received.Add({data.data(), static_cast<size_t>(size)});
  TakeMessages(connection, now, asked);
}

void Connections::TakeMessages(Connection& connection, uint64_t now, std::vector<Asked>& asked) {
  while (auto message = connection.received.Next()) {
    asked.push_back({connection.id, *std::move(message)});
    ++connection.unanswered;
    connection.since = now;
  }
}

void Connections::Accept(uint64_t now) {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  if (connections_.size() == kMaxConnections) {
    connections_.erase(std::min_element(
        connections_.begin(), connections_.end(),
        [](const Connection& a, const Connection& b) { return a.since < b.since; }));
  }
  connections_.push_back({.id = ++last_, .socket = std::move(socket), .since = now});
}

void Connections::SendRest(Connection& connection) {
  if (!connection.socket) return;
  const ssize_t sent = ::send(connection.socket.get(), connection.unsent.data(),
                              connection.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    connection.unsent.erase(0, static_cast<size_t>(sent));
  } else if (errno != EAGAIN && errno != EINTR) {
    connection.socket.Reset();
  }
}

void Connections::Answer(Id connection, absl::string_view message, uint64_t now) {
  for (Connection& one : connections_) {
    if (one.id != connection) continue;
    --one.unanswered;
    one.since = now;
    one.unsent += Framed(message);
    SendRest(one);
  }
  RemoveClosed();
}

void Connections::Close(Id connection) {
  for (Connection& one : connections_) {
    if (one.id == connection) one.socket.Reset();
  }
  RemoveClosed();
}

// The one whose peer asks nothing more and has been told everything is done, too.
void Connections::RemoveClosed() {
  const auto is_done = [](const Connection& one) {
    return !one.socket || (one.ended && one.unanswered == 0 && one.unsent.empty());
  };
  connections_.erase(std::remove_if(connections_.begin(), connections_.end(), is_done),
                     connections_.end());
}

void Connections::CloseSilent(uint64_t now) {
  for (Connection& one : connections_) {
    if (one.unanswered == 0 && one.since + kSilence <= now) one.socket.Reset();
  }
  RemoveClosed();
}

}  // namespace moat::resolver
