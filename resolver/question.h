// One question on its way to DNS servers: as a datagram, and over a stream where a server cut its
// answer (RFC 7766, 5).
//
// Each try leaves from a socket of its own that is connected to the server, with a number of its
// own, so that a forger has to guess port and number. Not thread-safe; nothing here blocks.
// Times are nanoseconds of CLOCK_MONOTONIC.
#ifndef MOAT_RESOLVER_QUESTION_H_
#define MOAT_RESOLVER_QUESTION_H_

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "policies/container/network.h"
#include "resolver/dns_message.h"
#include "resolver/framing.h"

namespace moat::resolver {

class Question {
 public:
  explicit Question(Query query) : query_(std::move(query)) {}

  const Query& query() const { return query_; }
  // What to wait for, and until when.
  pollfd Polled() const;
  uint64_t until() const { return until_; }

  // Asks the next server. False: each has been asked often enough, or nothing can be sent.
  bool Ask(const std::vector<policies::EndPoint>& servers, uint64_t now);

  // Takes what came. None: nothing yet, or this try has failed, and its time is over.
  std::optional<Answer> Proceed(uint64_t now);

  // What a server told in a datagram and has not told as a whole over a stream; may be none.
  const std::optional<Answer>& cut() const { return cut_; }

 private:
  bool Connect(const policies::EndPoint& server, int type);
  bool NewNumber();
  bool AskOverStream(uint64_t now);
  std::optional<Answer> TakeDatagram(uint64_t now);
  std::optional<Answer> TakeStream(uint64_t now);
  void SendRest(uint64_t now);
  std::optional<Answer> OrNextTry(Answer answer, uint64_t now);

  Query query_;
  Fd socket_;
  policies::EndPoint server_{};
  uint16_t id_ = 0;
  int tries_ = 0;
  uint64_t until_ = 0;  // of this try
  bool stream_ = false;
  std::string unsent_;  // of the stream
  Unframer received_;
  std::optional<Answer> cut_;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_QUESTION_H_
