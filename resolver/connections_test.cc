#include "resolver/connections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "policies/container/network.h"
#include "resolver/end_point.h"

namespace moat::resolver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Framing, PutsMessagesTogetherFromAnyPieces) {
  const std::string large(300, 'x'), bytes = Framed("one") + Framed("") + Framed(large);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{5}, bytes.size()}) {
    Unframer unframer;
    std::vector<std::string> messages;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      unframer.Add(absl::string_view(bytes).substr(at, piece));
      while (auto message = unframer.Next()) messages.push_back(*message);
    }
    EXPECT_THAT(messages, ElementsAre("one", "", large)) << piece;
    EXPECT_EQ(unframer.held(), 0u);
  }
}

// A listener on a free port of 127.0.0.1, and what it takes.
struct Desk {
  Desk() : connections(Listen()) {}

  Fd Listen() {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::listen(listener.get(), 64), 0);  // binds to a free port of all addresses
    sockaddr_in bound{};
    socklen_t size = sizeof(bound);
    EXPECT_EQ(GetName(listener.get(), bound, size), 0);
    point = {*policies::ParseAddress("127.0.0.1"), ntohs(bound.sin_port)};
    return listener;
  }
  static int GetName(int socket, sockaddr_in& bound, socklen_t& size) {
    void* raw = &bound;
    return ::getsockname(socket, static_cast<sockaddr*>(raw), &size);
  }

  Fd Connect() {
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(ConnectTo(client.get(), ToSocketAddress(point)), 0);
    Turn();
    return client;
  }

  // What is there, taken; waits for it a moment.
  std::vector<Connections::Asked> Turn() {
    std::vector<pollfd> polled = connections.Polled();
    ::poll(polled.data(), polled.size(), 200);
    return connections.Take(polled, now);
  }

  policies::EndPoint point;
  uint64_t now = 1;
  Connections connections;
};

void Say(const Fd& client, const std::string& bytes) {
  EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

// "" at the end.
std::string Hear(const Fd& client) {
  char bytes[256];
  const ssize_t size = ::recv(client.get(), bytes, sizeof(bytes), 0);
  return {bytes, static_cast<size_t>(std::max<ssize_t>(size, 0))};
}

size_t Open(const Connections& connections) { return connections.Polled().size() - 1; }

TEST(Connections, SeveralQuestionsOverOneAreAnsweredInAnyOrder) {
  Desk desk;
  const Fd client = desk.Connect();
  Say(client, Framed("one") + Framed("two"));
  const auto asked = desk.Turn();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].message, "one");
  EXPECT_EQ(asked[1].message, "two");
  desk.connections.Answer(asked[1].connection, "second", desk.now);
  desk.connections.Answer(asked[0].connection, "first", desk.now);
  EXPECT_EQ(Hear(client), Framed("second") + Framed("first"));
}

TEST(Connections, WhoAsksNothingMoreIsStillAnswered) {
  Desk desk;
  Fd client = desk.Connect();
  Say(client, Framed("one"));
  ::shutdown(client.get(), SHUT_WR);
  auto asked = desk.Turn();
  while (asked.empty()) asked = desk.Turn();
  desk.Turn();
  EXPECT_EQ(Open(desk.connections), 1u);
  desk.connections.Answer(asked[0].connection, "first", desk.now);
  EXPECT_EQ(Open(desk.connections), 0u);
  EXPECT_EQ(Hear(client), Framed("first"));
  EXPECT_EQ(Hear(client), "");
  desk.connections.Answer(asked[0].connection, "again", desk.now);  // of one that is gone
}

TEST(Connections, SilentOnesAreClosedButNotThoseThatWait) {
  Desk desk;
  const Fd silent = desk.Connect(), waiting = desk.Connect();
  Say(silent, "\1");  // the half of a length
  Say(waiting, Framed("one"));
  const auto asked = desk.Turn();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(desk.connections.Until(), desk.now + kSilence);
  desk.now += kSilence;
  desk.connections.CloseSilent(desk.now);
  EXPECT_EQ(Open(desk.connections), 1u);
  desk.connections.Answer(asked[0].connection, "first", desk.now);
  EXPECT_EQ(Hear(waiting), Framed("first"));
  desk.connections.CloseSilent(desk.now + kSilence);
  EXPECT_EQ(Open(desk.connections), 0u);
  EXPECT_EQ(desk.connections.Until(), ~uint64_t{0});
}

TEST(Connections, AFurtherOneTakesThePlaceOfTheOldest) {
  Desk desk;
  std::vector<Fd> clients;
  for (size_t i = 0; i < kMaxConnections + 3; ++i) {
    ++desk.now;
    clients.push_back(desk.Connect());
  }
  EXPECT_EQ(Open(desk.connections), kMaxConnections);
  EXPECT_EQ(Hear(clients[0]), "");
  Say(clients.back(), Framed("one"));
  EXPECT_EQ(desk.Turn().size(), 1u);
}

TEST(Connections, OneWithManyQuestionsIsNotRead) {
  Desk desk;
  const Fd client = desk.Connect();
  for (size_t i = 0; i < kMaxUnanswered; ++i) Say(client, Framed("x"));
  std::vector<Connections::Asked> asked;
  while (asked.size() < kMaxUnanswered) {
    for (auto& one : desk.Turn()) asked.push_back(std::move(one));
  }
  Say(client, Framed("more"));
  EXPECT_THAT(desk.Turn(), IsEmpty());
  desk.connections.Answer(asked[0].connection, "a", desk.now);
  const auto more = desk.Turn();
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].message, "more");
}

TEST(Connections, ThoseThatTheOtherSideResetsAreForgotten) {
  Desk desk;
  Fd client = desk.Connect();
  const linger at_once = {1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  client.Reset();
  EXPECT_THAT(desk.Turn(), IsEmpty());
  EXPECT_EQ(Open(desk.connections), 0u);
}

}  // namespace
}  // namespace moat::resolver
