// moat-resolver's work: takes the workload's questions, asks DNS servers, opens addresses, answers.
//
// One thread; at most kMaxWaiting questions wait for a DNS server at a time. Further ones are
// dropped, as a network would, and those over a connection fail.
#ifndef MOAT_RESOLVER_SERVER_H_
#define MOAT_RESOLVER_SERVER_H_

#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/fd.h"
#include "policies/container/network.h"
#include "resolver/connections.h"
#include "resolver/end_point.h"
#include "resolver/name_rules.h"
#include "resolver/question.h"

namespace moat::resolver {

inline constexpr size_t kMaxWaiting = 128;

class Server {
 public:
  // `questions`: a bound datagram socket in the container's network; `connections` of the same
  // address. `sentry`: its hang-up ends Run. `servers` is not empty.
  Server(Fd questions, Connections connections, Fd sentry, std::vector<policies::EndPoint> servers,
         NameRules rules);

  // Returns OK once the sentry is gone.
  absl::Status Run();

 private:
  // Where an answer goes.
  struct Asker {
    Connections::Id connection = 0;  // 0: the answer is a datagram to `address`
    SocketAddress address;
  };
  struct Waiting {
    Question question;
    Asker asker;
    bool answered = false;
  };

  void TakeDatagrams(uint64_t now);
  void TakeMessages(const std::vector<pollfd>& ready, uint64_t now);
  void TakeQuestion(Query query, const Asker& asker, uint64_t now);
  void TakeAnswer(Waiting& waiting, uint64_t now);
  void Send(const Asker& asker, const std::string& answer, uint64_t now);
  // Sends an answer and is done with it.
  void Finish(Waiting& waiting, const std::string& answer, uint64_t now);
  void AskAgain(uint64_t now);
  int Timeout(uint64_t now) const;

  const Fd questions_, sentry_;
  Connections connections_;
  const std::vector<policies::EndPoint> servers_;
  NameRules rules_;
  std::vector<Waiting> waiting_;
  uint64_t next_sweep_ = 0;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_SERVER_H_
