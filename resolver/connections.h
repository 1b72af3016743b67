// The workload's connections, over which it may ask as it does with datagrams (RFC 7766): several
// questions over one, answered in any order.
//
// At most kMaxConnections; a further one takes the place of the one that has been silent longest.
// One that brings no whole question for kSilence, and waits for no answer, is closed. One with
// kMaxUnanswered questions or more (as many as one read brings), or whose answers are not taken, is
// not read until that has changed.
// Not thread-safe; nothing here blocks. Times are nanoseconds of CLOCK_MONOTONIC.
#ifndef MOAT_RESOLVER_CONNECTIONS_H_
#define MOAT_RESOLVER_CONNECTIONS_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "resolver/framing.h"

namespace moat::resolver {

inline constexpr size_t kMaxConnections = 16, kMaxUnanswered = 32;
inline constexpr uint64_t kSilence = 10'000'000'000;

class Connections {
 public:
  using Id = uint64_t;  // never 0, never used twice
  struct Asked {
    Id connection;
    std::string message;
  };

  // `listener`: a listening socket in the container's network that does not block.
  explicit Connections(Fd listener) : listener_(std::move(listener)) {}

  // What to wait for, and until when; ~0: for ever.
  std::vector<pollfd> Polled() const;
  uint64_t Until() const;

  // Takes what came: `ready` are the entries of Polled() as poll(2) gave them back, with nothing
  // else done in between. Each message wants one call of Answer or Close.
  std::vector<Asked> Take(const std::vector<pollfd>& ready, uint64_t now);

  // Both do nothing when the connection is no longer there.
  void Answer(Id connection, absl::string_view message, uint64_t now);
  void Close(Id connection);

  void CloseSilent(uint64_t now);

 private:
  struct Connection {
    Id id;
    Fd socket;
    Unframer received;
    std::string unsent;
    size_t unanswered = 0;
    bool ended = false;  // the other side asks nothing more
    uint64_t since = 0;  // the last question or answer
  };

  static bool Reads(const Connection& connection);
  static void Read(Connection& connection, uint64_t now, std::vector<Asked>& asked);
  static void TakeMessages(Connection& connection, uint64_t now, std::vector<Asked>& asked);
  static void SendRest(Connection& connection);
  void Accept(uint64_t now);
  void RemoveClosed();

  Fd listener_;
  std::vector<Connection> connections_;
  Id last_ = 0;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_CONNECTIONS_H_
