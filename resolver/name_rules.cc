#include "resolver/name_rules.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "policies/container/egress_names.h"

namespace moat::resolver {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kMaxWarned = 32;

}  // namespace

// The workload chooses the names, so there is an end to it.
void NameRules::Warn(const std::string& name, absl::string_view what) {
  if (warned_.size() >= kMaxWarned || !warned_.insert(name).second) return;
  LogWarning(absl::StrCat("the policy's egress rules by name: ", name, ": ", what));
}

std::optional<std::string> NameRules::AnswerAtOnce(const Query& query) const {
  if (query.fault != Rcode::kNoError) return MakeAnswer(query, query.fault, {}, 0);
  if (query.name.empty() || policies::RulesOfName(egress_, query.name).empty()) {
    return MakeAnswer(query, Rcode::kNoSuchName, {}, 0);
  }
  if (query.type != kTypeA && query.type != kTypeAaaa) {
    return MakeAnswer(query, Rcode::kNoError, {}, 0);
  }
  return std::nullopt;
}

std::string NameRules::AnswerWith(const Query& query, Answer answer, uint64_t now) {
  const std::vector<uint32_t> rules = policies::RulesOfName(egress_, query.name);
  const auto is_closed = [&](const policies::Address& address) {
    return std::none_of(rules.begin(), rules.end(),
                        [&](uint32_t rule) { return policies::MayOpen(egress_, rule, address); });
  };
  std::vector<policies::Address>& addresses = answer.addresses;
  if (const auto closed = std::find_if(addresses.begin(), addresses.end(), is_closed);
      closed != addresses.end()) {
    Warn(query.name, absl::StrCat(policies::AddressText(*closed),
                                  " is left out: it is denied, or neither public nor \"within\""));
  }
  addresses.erase(std::remove_if(addresses.begin(), addresses.end(), is_closed), addresses.end());
  const size_t all = addresses.size();
  Fit(query, addresses);
  const bool cut = addresses.size() < all;
  const uint32_t seconds = std::min(answer.seconds, kMostSeconds);
  const uint64_t until = now + (seconds + kGraceSeconds) * kSecond;
  for (const policies::Address& address : addresses) {
    for (const uint32_t rule : rules) {
      if (!policies::MayOpen(egress_, rule, address)) continue;
      const absl::Status opened = opened_.Open({address, rule, 0}, until, now);
      if (opened.ok()) continue;
      Warn(query.name, opened.message());
      return MakeAnswer(query, Rcode::kServerFailure, {}, 0);
    }
  }
  return MakeAnswer(query, answer.rcode, addresses, seconds, cut);
}

}  // namespace moat::resolver
