// What the policy makes of a question and of its answer. Not thread-safe.
#ifndef MOAT_RESOLVER_NAME_RULES_H_
#define MOAT_RESOLVER_NAME_RULES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "policies/container/policy.h"
#include "resolver/dns_message.h"
#include "resolver/opened_addresses.h"

namespace moat::resolver {

// An address stays open for so long after a client must have forgotten it: it asked for it a moment
// before it connects.
inline constexpr uint32_t kGraceSeconds = 60;
// However long a DNS server says.
inline constexpr uint32_t kMostSeconds = 3600;

class NameRules {
 public:
  NameRules(policies::Egress egress, OpenedAddresses opened)
      : egress_(std::move(egress)), opened_(std::move(opened)) {}

  // The answer that needs no DNS server: to what is no question, to names that no rule allows (no
  // such name, so that search lists go on), and to questions for other things than addresses
  // (nothing known). None: a DNS server is to be asked.
  std::optional<std::string> AnswerAtOnce(const Query& query) const;

  // The answer to the workload once a DNS server gave `answer`. What it tells is open before this
  // returns; addresses that no rule may open are left out. `now`: nanoseconds of CLOCK_MONOTONIC.
  std::string AnswerWith(const Query& query, Answer answer, uint64_t now);

  void Sweep(uint64_t now) { opened_.Sweep(now); }
  size_t opened() const { return opened_.size(); }

 private:
  void Warn(const std::string& name, absl::string_view what);

  const policies::Egress egress_;
  OpenedAddresses opened_;
  std::set<std::string> warned_;  // of these names, once each
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_NAME_RULES_H_
