// DNS messages (RFC 1035, EDNS by RFC 6891) as far as addresses are concerned: what the workload
// asks, what is asked of a DNS server for it, and what both answer. Everything read here is
// hostile. Pure; no function reads outside its argument.
#ifndef MOAT_RESOLVER_DNS_MESSAGE_H_
#define MOAT_RESOLVER_DNS_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policies/container/network.h"

namespace moat::resolver {

// RFC 1035, 4.1.1.
enum class Rcode : uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
};

inline constexpr uint16_t kTypeA = 1, kTypeAaaa = 28;
// The most that one of our datagrams, and one that we take, may have.
inline constexpr size_t kMaxMessage = 1232;
// The most that an answer over a stream may have: with room for kMaxRecords addresses.
inline constexpr size_t kMaxStreamMessage = 16 << 10;
// Of an answer; what comes behind is not looked at.
inline constexpr size_t kMaxRecords = 256, kMaxAliases = 16;

struct Query {
  uint16_t id = 0;
  bool recursion_desired = false;
  // Other than kNoError: the answer to it; nothing below is set then.
  Rcode fault = Rcode::kNoError;
  std::string question;  // as asked: name, type, class
  // "pypi.example": lower case, without a dot at its end; "" when it is no host's name.
  std::string name;
  uint16_t type = 0;
  bool extended = false;  // with EDNS
  size_t room = 512;      // bytes of the largest answer that its sender takes
};

// None: not even a query, so it gets no answer.
std::optional<Query> ParseQuery(absl::string_view message);
// One that came over a stream, where its sender takes answers of any size.
std::optional<Query> ParseStreamQuery(absl::string_view message);

// The same question with another number, for a DNS server.
std::string MakeQuestion(const Query& query, uint16_t id);

struct Answer {
  Rcode rcode = Rcode::kServerFailure;
  // Of the name asked for or what it is an alias of, in the order of the message, each once.
  std::vector<policies::Address> addresses;
  uint32_t seconds = 0;  // for which the whole chain holds
  bool cut = false;      // it did not fit into a datagram; over a stream there is more
};

// What `message` answers to MakeQuestion(query, id). None: it is no answer to that.
std::optional<Answer> ParseAnswer(absl::string_view message, const Query& query, uint16_t id);

// Takes off what does not fit into an answer to `query`.
void Fit(const Query& query, std::vector<policies::Address>& addresses);

// With one record for each address, of the query's type, as if the name had no aliases. `addresses`
// fit; `cut`: others did not.
std::string MakeAnswer(const Query& query, Rcode rcode,
                       const std::vector<policies::Address>& addresses, uint32_t seconds,
                       bool cut = false);

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_DNS_MESSAGE_H_
