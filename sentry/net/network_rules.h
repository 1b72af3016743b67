// What a policy's egress and listen rules say of a socket address, so that the refusal, which the
// kernel gives by itself (runtime/cgroups/egress_program.h), can be told with task, address and
// rule. Nothing is decided here: the address is a copy that a thread may change before the kernel
// takes its own. Constant after Create; thread-safe.
#ifndef MOAT_SENTRY_NET_NETWORK_RULES_H_
#define MOAT_SENTRY_NET_NETWORK_RULES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "policies/container/policy.h"

namespace moat::sentry {

// The IPv4 or IPv6 end point of a socket address; nothing for other families, and for one that the
// kernel refuses by its length.
std::optional<policies::EndPoint> InternetEndPoint(absl::string_view address);

class NetworkRules {
 public:
  enum class Use { kReach, kListen };
  struct Refused {
    std::string rule;  // where it stands
    std::string reason;
  };

  explicit NetworkRules(const policies::Policy& policy);

  // Whether there are rules of that kind at all.
  bool Any(Use use) const;
  // The rule by which the kernel refuses; nothing when it allows, or may allow by a name whose
  // addresses are not known here.
  std::optional<Refused> Refusal(Use use, policies::EndPoint point) const;

 private:
  struct Part {
    policies::Egress rules;
    policies::Layer layer;  // for places
  };
  const std::optional<Part>& PartOf(Use use) const {
    return use == Use::kReach ? egress_ : listen_;
  }

  std::optional<Part> egress_, listen_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_NET_NETWORK_RULES_H_
