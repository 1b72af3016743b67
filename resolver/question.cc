#include "resolver/question.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "resolver/end_point.h"

namespace moat::resolver {
namespace {

// A stub resolver gives up on us after 5 seconds (resolv.conf(5)), and asks once more.
constexpr uint64_t kTryTime = 2'000'000'000;
constexpr int kRounds = 2;
constexpr size_t kBuffer = 4096;

// Whether a call on a socket may do better later.
bool MayDoBetter(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

pollfd Question::Polled() const {
  const bool sends = stream_ && !unsent_.empty();
  return {socket_.get(), static_cast<short>(sends ? POLLOUT : POLLIN), 0};
}

bool Question::Connect(const policies::EndPoint& server, int type) {
  const int family = policies::IsV4(server.address) ? AF_INET : AF_INET6;
  socket_.Reset(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return false;
  return ConnectTo(socket_.get(), ToSocketAddress(server)) == 0 || errno == EINPROGRESS;
}

bool Question::NewNumber() { return ::getrandom(&id_, sizeof(id_), 0) == sizeof(id_); }

bool Question::Ask(const std::vector<policies::EndPoint>& servers, uint64_t now) {
  stream_ = false;
  const int most = kRounds * static_cast<int>(servers.size());
  while (tries_ < most) {
    server_ = servers[static_cast<size_t>(tries_++) % servers.size()];
    if (!Connect(server_, SOCK_DGRAM)) continue;
    if (!NewNumber()) return false;
    const std::string question = MakeQuestion(query_, id_);
    const ssize_t sent = ::send(socket_.get(), question.data(), question.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(question.size())) continue;
    until_ = now + kTryTime;
    return true;
  }
  return false;
}

bool Question::AskOverStream(uint64_t now) {
  if (!Connect(server_, SOCK_STREAM) || !NewNumber()) return false;
  stream_ = true;
  unsent_ = Framed(MakeQuestion(query_, id_));
  received_ = Unframer();
  until_ = now + kTryTime;
  return true;
}

std::optional<Answer> Question::Proceed(uint64_t now) {
  if (!stream_) return TakeDatagram(now);
  if (unsent_.empty()) return TakeStream(now);
  SendRest(now);
  return std::nullopt;
}

std::optional<Answer> Question::TakeDatagram(uint64_t now) {
  std::array<char, kBuffer> data;
  const ssize_t size = ::recv(socket_.get(), data.data(), data.size(), MSG_DONTWAIT);
  if (size < 0) {
    // ECONNREFUSED: nobody is there. The next one is asked at once.
    if (!MayDoBetter(errno)) until_ = now;
    return std::nullopt;
  }
  auto answer = ParseAnswer({data.data(), static_cast<size_t>(size)}, query_, id_);
  if (!answer) return std::nullopt;
  if (answer->cut && AskOverStream(now)) {
    if (!answer->addresses.empty()) cut_ = *std::move(answer);
    return std::nullopt;
  }
  return OrNextTry(*std::move(answer), now);
}

std::optional<Answer> Question::TakeStream(uint64_t now) {
  std::array<char, kBuffer> data;
  const ssize_t size = ::recv(socket_.get(), data.data(), data.size(), MSG_DONTWAIT);
  if (size < 0 && MayDoBetter(errno)) return std::nullopt;
  if (size <= 0) {
    until_ = now;
    return std::nullopt;
  }
  received_.Add({data.data(), static_cast<size_t>(size)});
  const auto message = received_.Next();
  if (!message) return std::nullopt;
  // One question, one answer: what is none to it ends the try.
  return OrNextTry(ParseAnswer(*message, query_, id_).value_or(Answer{}), now);
}

void Question::SendRest(uint64_t now) {
  const ssize_t sent =
      ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    unsent_.erase(0, static_cast<size_t>(sent));
  } else if (!MayDoBetter(errno)) {
    until_ = now;
  }
}

// A server that fails may not be the last one.
std::optional<Answer> Question::OrNextTry(Answer answer, uint64_t now) {
  if (answer.rcode != Rcode::kServerFailure) return answer;
  until_ = now;
  return std::nullopt;
}

}  // namespace moat::resolver
