// moat-resolver's work: takes the workload's questions, asks DNS servers, opens addresses, answers.
//
// One thread; at most kMaxWaiting questions wait for a DNS server at a time, and further ones are
// dropped, as a network would. Each question leaves from a socket of its own that is connected to
// the DNS server, so that a forger has to guess port and number.
#ifndef MOAT_RESOLVER_SERVER_H_
#define MOAT_RESOLVER_SERVER_H_

#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/fd.h"
#include "policies/container/network.h"
#include "resolver/end_point.h"
#include "resolver/name_rules.h"

namespace moat::resolver {

inline constexpr size_t kMaxWaiting = 128;

class Server {
 public:
  // `questions`: a bound datagram socket in the container's network. `sentry`: its hang-up ends
  // Run. `servers` is not empty.
  Server(Fd questions, Fd sentry, std::vector<policies::EndPoint> servers, NameRules rules);

  // Returns OK once the sentry is gone.
  absl::Status Run();

 private:
  struct Waiting {
    Query query;
    SocketAddress client;
    Fd socket;
    uint16_t id = 0;
    int tries = 0;
    uint64_t until = 0;  // of this try
  };

  void TakeQuestions(uint64_t now);
  void TakeAnswer(Waiting& waiting, uint64_t now);
  // Sends the question to the next server. False: there is no further try, or no number.
  bool Ask(Waiting& waiting, uint64_t now) const;
  // Sends an answer and is done with it.
  void Finish(Waiting& waiting, const std::string& answer) const;
  void AskAgain(uint64_t now);
  int Timeout(uint64_t now) const;

  const Fd questions_, sentry_;
  const std::vector<policies::EndPoint> servers_;
  NameRules rules_;
  std::vector<Waiting> waiting_;
  uint64_t next_sweep_ = 0;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_SERVER_H_
