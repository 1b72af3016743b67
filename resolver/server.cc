#include "resolver/server.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/status.h"

namespace moat::resolver {
namespace {

constexpr uint64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000;
// A stub resolver gives up on us after 5 seconds (resolv.conf(5)), and asks once more.
constexpr uint64_t kTryTime = 2 * kSecond, kSweepTime = 10 * kSecond;
constexpr int kRounds = 2;
constexpr int kBurst = 64;  // questions taken before answers are looked at again
constexpr size_t kBuffer = 4096;

uint64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

bool Readable(const pollfd& entry) { return entry.revents != 0; }

}  // namespace

Server::Server(Fd questions, Fd sentry, std::vector<policies::EndPoint> servers, NameRules rules)
    : questions_(std::move(questions)),
      sentry_(std::move(sentry)),
      servers_(std::move(servers)),
      rules_(std::move(rules)) {}

absl::Status Server::Run() {
  for (;;) {
    std::vector<pollfd> polled = {{sentry_.get(), 0, 0}, {questions_.get(), POLLIN, 0}};
    for (const Waiting& waiting : waiting_) polled.push_back({waiting.socket.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), Timeout(Now())) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "poll", "");
    }
    const uint64_t now = Now();
    if (Readable(polled[0])) return absl::OkStatus();
    for (size_t i = 2; i < polled.size(); ++i) {
      if (Readable(polled[i])) TakeAnswer(waiting_[i - 2], now);
    }
    AskAgain(now);
    if (Readable(polled[1])) TakeQuestions(now);
    if (now >= next_sweep_) {
      rules_.Sweep(now);
      next_sweep_ = now + kSweepTime;
    }
  }
}

int Server::Timeout(uint64_t now) const {
  uint64_t next = next_sweep_;
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.until);
  // Rounded up, or the last millisecond would be spent in a circle.
  return next <= now ? 0 : static_cast<int>((next - now) / kMillisecond + 1);
}

void Server::TakeQuestions(uint64_t now) {
  for (int i = 0; i < kBurst; ++i) {
    std::array<char, kBuffer> data;
    Waiting waiting;
    const ssize_t size = ReceiveFrom(questions_.get(), data.data(), data.size(), waiting.client);
    if (size < 0) return;
    auto query = ParseQuery({data.data(), static_cast<size_t>(size)});
    if (!query) continue;
    waiting.query = *std::move(query);
    if (const auto answer = rules_.AnswerAtOnce(waiting.query)) {
      Finish(waiting, *answer);
    } else if (waiting_.size() < kMaxWaiting && Ask(waiting, now)) {
      waiting_.push_back(std::move(waiting));
    }
  }
}

bool Server::Ask(Waiting& waiting, uint64_t now) const {
  const int most = kRounds * static_cast<int>(servers_.size());
  while (waiting.tries < most) {
    const auto& server = servers_[static_cast<size_t>(waiting.tries++) % servers_.size()];
    const int family = policies::IsV4(server.address) ? AF_INET : AF_INET6;
    waiting.socket.Reset(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!waiting.socket || ConnectTo(waiting.socket.get(), ToSocketAddress(server)) < 0) continue;
    if (::getrandom(&waiting.id, sizeof(waiting.id), 0) != sizeof(waiting.id)) return false;
    const std::string question = MakeQuestion(waiting.query, waiting.id);
    const ssize_t sent =
        ::send(waiting.socket.get(), question.data(), question.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(question.size())) continue;
    waiting.until = now + kTryTime;
    return true;
  }
  return false;
}

void Server::TakeAnswer(Waiting& waiting, uint64_t now) {
  std::array<char, kBuffer> data;
  const ssize_t size = ::recv(waiting.socket.get(), data.data(), data.size(), MSG_DONTWAIT);
  if (size < 0) {
    // ECONNREFUSED: nobody is there. The next one is asked at once.
    if (errno != EAGAIN && errno != EINTR) waiting.until = now;
    return;
  }
  auto answer = ParseAnswer({data.data(), static_cast<size_t>(size)}, waiting.query, waiting.id);
  if (!answer) return;
  if (answer->rcode == Rcode::kServerFailure) {
    waiting.until = now;
    return;
  }
  Finish(waiting, rules_.AnswerWith(waiting.query, *std::move(answer), now));
}

void Server::Finish(Waiting& waiting, const std::string& answer) const {
  (void)SendTo(questions_.get(), answer.data(), answer.size(), waiting.client);
  waiting.socket.Reset();
}

// What has an answer is forgotten, what got none in time is asked again.
void Server::AskAgain(uint64_t now) {
  for (Waiting& waiting : waiting_) {
    if (!waiting.socket || waiting.until > now || Ask(waiting, now)) continue;
    Finish(waiting, MakeAnswer(waiting.query, Rcode::kServerFailure, {}, 0));
  }
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [](const Waiting& waiting) { return !waiting.socket; }),
                 waiting_.end());
}

}  // namespace moat::resolver
