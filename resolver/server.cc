#include "resolver/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/status.h"

namespace moat::resolver {
namespace {

constexpr uint64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000, kSweepTime = 10 * kSecond;
constexpr int kBurst = 64;  // questions taken before answers are looked at again
constexpr size_t kBuffer = 4096;

uint64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

bool IsReady(const pollfd& entry) { return entry.revents != 0; }

}  // namespace

Server::Server(Fd questions, Connections connections, Fd sentry,
               std::vector<policies::EndPoint> servers, NameRules rules)
    : questions_(std::move(questions)),
      sentry_(std::move(sentry)),
      connections_(std::move(connections)),
      servers_(std::move(servers)),
      rules_(std::move(rules)) {}

absl::Status Server::Run() {
  for (;;) {
    const size_t asked = waiting_.size();
    std::vector<pollfd> polled = {{sentry_.get(), 0, 0}, {questions_.get(), POLLIN, 0}};
    for (const Waiting& waiting : waiting_) polled.push_back(waiting.question.Polled());
    const std::vector<pollfd> connections = connections_.Polled();
    polled.insert(polled.end(), connections.begin(), connections.end());
    if (::poll(polled.data(), polled.size(), Timeout(Now())) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "poll", "");
    }
    const uint64_t now = Now();
    if (IsReady(polled[0])) return absl::OkStatus();
    const auto behind = polled.begin() + 2 + static_cast<std::ptrdiff_t>(asked);
    TakeMessages({behind, polled.end()}, now);
    for (size_t i = 0; i < asked; ++i) {
      if (IsReady(polled[i + 2])) TakeAnswer(waiting_[i], now);
    }
    AskAgain(now);
    if (IsReady(polled[1])) TakeDatagrams(now);
    connections_.CloseSilent(now);
    if (now >= next_sweep_) {
      rules_.Sweep(now);
      next_sweep_ = now + kSweepTime;
    }
  }
}

int Server::Timeout(uint64_t now) const {
  uint64_t next = std::min(next_sweep_, connections_.Until());
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.question.until());
  // Rounded up, or the last millisecond would be spent in a circle.
  return next <= now ? 0 : static_cast<int>((next - now) / kMillisecond + 1);
}

void Server::TakeDatagrams(uint64_t now) {
  for (int i = 0; i < kBurst; ++i) {
    std::array<char, kBuffer> data;
    Asker asker;
    const ssize_t size = ReceiveFrom(questions_.get(), data.data(), data.size(), asker.address);
    if (size < 0) return;
    auto query = ParseQuery({data.data(), static_cast<size_t>(size)});
    if (query) TakeQuestion(*std::move(query), asker, now);
  }
}

void Server::TakeMessages(const std::vector<pollfd>& ready, uint64_t now) {
  for (const auto& [connection, message] : connections_.Take(ready, now)) {
    if (auto query = ParseStreamQuery(message)) {
      TakeQuestion(*std::move(query), {.connection = connection, .address = {}}, now);
    } else {
      connections_.Close(connection);
    }
  }
}

void Server::TakeQuestion(Query query, const Asker& asker, uint64_t now) {
  if (const auto answer = rules_.AnswerAtOnce(query)) {
    Send(asker, *answer, now);
    return;
  }
  Waiting waiting{Question(std::move(query)), asker};
  if (waiting_.size() < kMaxWaiting && waiting.question.Ask(servers_, now)) {
    waiting_.push_back(std::move(waiting));
  } else if (asker.connection != 0) {
    Send(asker, MakeAnswer(waiting.question.query(), Rcode::kServerFailure, {}, 0), now);
  }
}

void Server::TakeAnswer(Waiting& waiting, uint64_t now) {
  auto answer = waiting.question.Proceed(now);
  if (answer) {
    Finish(waiting, rules_.AnswerWith(waiting.question.query(), *std::move(answer), now), now);
  }
}

void Server::Send(const Asker& asker, const std::string& answer, uint64_t now) {
  if (asker.connection != 0) {
    connections_.Answer(asker.connection, answer, now);
  } else {
    (void)SendTo(questions_.get(), answer.data(), answer.size(), asker.address);
  }
}

void Server::Finish(Waiting& waiting, const std::string& answer, uint64_t now) {
  Send(waiting.asker, answer, now);
  waiting.answered = true;
}

// What has an answer is forgotten, what got none in time is asked again.
void Server::AskAgain(uint64_t now) {
  for (Waiting& waiting : waiting_) {
    Question& question = waiting.question;
    if (waiting.answered || question.until() > now) continue;
    if (question.cut()) {
      Finish(waiting, rules_.AnswerWith(question.query(), *question.cut(), now), now);
    } else if (!question.Ask(servers_, now)) {
      Finish(waiting, MakeAnswer(question.query(), Rcode::kServerFailure, {}, 0), now);
    }
  }
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [](const Waiting& waiting) { return waiting.answered; }),
                 waiting_.end());
}

}  // namespace moat::resolver
