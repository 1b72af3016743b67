#include "sentry/supervisor.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace moat::sentry {
namespace {

using nlohmann::json;

constexpr size_t kMaxClients = 256;
constexpr size_t kMaxTies = 1024;
constexpr size_t kFixed = 7;  // polled descriptors before those of the clients

bool Readable(const pollfd& entry) { return entry.revents != 0; }

// Whether a read would not block: a message, or the end of file.
bool HasMore(const Fd& socket) {
  pollfd entry = {socket.get(), POLLIN, 0};
  return socket.valid() && ::poll(&entry, 1, 0) == 1;
}

// Numbers as JSON has them after a round trip, so that types compare.
json Failure(int error, const std::string& message) {
  return {{"errno", static_cast<unsigned>(error)}, {"message", message}};
}

}  // namespace

Supervisor::Supervisor(Fd control, Fd listen, Fd init, Fd init_process, int gofer_hangup,
                       Fd resolver, int first_exec, JoinService& joins)
    : listen_(std::move(listen)),
      init_(std::move(init)),
      init_process_(std::move(init_process)),
      gofer_hangup_(gofer_hangup),
      resolver_(std::move(resolver)),
      first_exec_(first_exec),
      joins_(joins) {
  clients_.push_back({.socket = std::move(control), .is_creator = true});
}

int Supervisor::Run() {
  for (;;) {
    // poll(2) skips negative descriptors, so what is closed needs no special case.
    std::vector<pollfd> polled = {{init_process_.get(), POLLIN, 0}, {gofer_hangup_, 0, 0},
                                  {init_.get(), POLLIN, 0},         {listen_.get(), POLLIN, 0},
                                  {first_exec_, POLLIN, 0},         {joins_.ended_fd(), POLLIN, 0},
                                  {resolver_.get(), 0, 0}};
    for (const Client& client : clients_) polled.push_back({client.socket.get(), POLLIN, 0});
    const size_t first_tie = polled.size();
    for (const Fd& tie : ties_) polled.push_back({tie.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (Readable(polled[4])) ProgramRuns();
    if (Readable(polled[2])) ReadInit();
    if (Readable(polled[0])) {
      while (HasMore(init_)) ReadInit();  // what it said before it ended
      if (state_ != State::kRunning) {
        EndWaiting(Failure(ESRCH, "the container's init process died before it ran the program"));
      }
      return 0;
    }
    if (Readable(polled[1])) {
      LogError("the gofer is gone; ending the container");
      return 1;
    }
    if (Readable(polled[6])) {
      LogError("the resolver is gone; ending the container");
      return 1;
    }
    for (size_t i = ties_.size(); i-- > 0;) {
      if (!Readable(polled[first_tie + i])) continue;
      if (!ReadTie(ties_[i])) {
        LogError("the sentry of a container that shares these pids is gone; ending both");
        return 1;
      }
      ties_.erase(ties_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (size_t i = clients_.size(); i-- > 0;) {
      if (Readable(polled[kFixed + i]) && !ServeClient(clients_[i])) {
        clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (Readable(polled[3])) AcceptClient();
    if (Readable(polled[5])) joins_.Collect();
  }
}

void Supervisor::AcceptClient() {
  Fd socket(::accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket && clients_.size() < kMaxClients) clients_.push_back({.socket = std::move(socket)});
}

bool Supervisor::ServeClient(Client& client) {
  auto message = BootMessage::Receive(client.socket.get());
  if (!message.ok()) return false;
  if (message->type() == "start") return Start(client);
  if (message->type() == "state") return SendState(client);
  if (message->type() == "join") return Join(*message, client);
  if (message->type() == "tie") return Tie(*message, client);
  return SendBootMessage(client.socket.get(), "error", Failure(EINVAL, "unknown request")).ok();
}

bool Supervisor::Start(Client& client) {
  if (state_ != State::kCreated) {
    return SendBootMessage(client.socket.get(), "error",
                           Failure(EINVAL, "the container is not in the created state"))
        .ok();
  }
  state_ = State::kStarting;
  client.waits_for_start = true;
  return SendBootMessage(init_.get(), "start").ok();
}

bool Supervisor::SendState(const Client& client) {
  const bool running = state_ == State::kStarting || state_ == State::kRunning;
  return SendBootMessage(client.socket.get(), "state",
                         {{"status", running ? "running" : "created"}})
      .ok();
}

bool Supervisor::Join(BootMessage& request, const Client& client) {
  const int socket = client.socket.get();
  if (state_ == State::kCreating) {
    return SendBootMessage(socket, "error", Failure(EAGAIN, "the container is being created")).ok();
  }
  const absl::Status status = joins_.Join(request, client.socket);
  if (status.ok()) return SendBootMessage(socket, "joined").ok();
  const int error = StatusErrno(status);
  return SendBootMessage(socket, "error",
                         Failure(error == 0 ? EIO : error, std::string(status.message())))
      .ok();
}

bool Supervisor::Tie(BootMessage& request, const Client& client) {
  const int socket = client.socket.get();
  auto tie = request.Take("tie");
  if (!tie.ok() || ties_.size() >= kMaxTies) {
    return SendBootMessage(socket, "error", Failure(EAGAIN, "too many containers share these pids"))
        .ok();
  }
  ties_.push_back(*std::move(tie));
  return SendBootMessage(socket, "tied").ok();
}

bool Supervisor::ReadTie(Fd& tie) {
  const auto message = BootMessage::Receive(tie.get());
  return message.ok() && message->type() == "done";
}

void Supervisor::ReadInit() {
  auto message = BootMessage::Receive(init_.get());
  if (!message.ok()) {
    init_.Reset();  // close-on-exec: it is about to run the program, or dead
  } else if (message->type() == "created") {
    state_ = State::kCreated;
    for (const Client& client : clients_) {
      if (client.is_creator) (void)SendBootMessage(client.socket.get(), "created");
    }
  } else if (message->type() == "failed") {
    InitFailed(message->body());
  }
}

void Supervisor::ProgramRuns() {
  first_exec_ = -1;
  state_ = State::kRunning;
  for (Client& client : clients_) {
    if (!std::exchange(client.waits_for_start, false)) continue;
    (void)SendBootMessage(client.socket.get(), "started");
  }
}

void Supervisor::InitFailed(const json& failure) {
  json fields = Failure(EIO, "the container's init process gave no reason");
  for (const char* key : {"errno", "message"}) {
    if (failure.contains(key) && failure[key].type() == fields[key].type()) {
      fields[key] = failure[key];
    }
  }
  EndWaiting(fields);
}

// The container's program will not run: tells moat, which creates the container, or who asked for
// the start.
void Supervisor::EndWaiting(const json& failure) {
  for (Client& client : clients_) {
    if (std::exchange(client.waits_for_start, false)) {
      (void)SendBootMessage(client.socket.get(), "error", failure);
    } else if (client.is_creator) {
      (void)SendBootMessage(client.socket.get(), "failed", failure);
    }
  }
}

}  // namespace moat::sentry
