// What a container's policy (policies/container) and the table make of each system call: one list
// of lines a call, of which the first that holds decides.
//
// The layers of the policy come first, from the top down, then the checks of the table. A rule may
// not allow more than what lies below it unless it says "loosen", and then only calls that moat's
// promises do not rest on: Create is where this is checked. Constant after Create; thread-safe.
#ifndef MOAT_SENTRY_SYSCALLS_CALL_POLICY_H_
#define MOAT_SENTRY_SYSCALLS_CALL_POLICY_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policies/compiler/filter_spec.h"
#include "policies/container/policy.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {

using CallArguments = std::array<uint64_t, 6>;

// One line of a call.
struct PolicyLine {
  std::vector<policies::Condition> all;  // empty: always holds
  policies::Action action;
  std::string rule;    // "strict:12:5"; "table" for the table's own
  std::string reason;  // the rule's, or the table's note
  bool loosens = false;
};

// Where a refusal is given.
enum class Refusals {
  kInKernel,  // by the filter: nobody hears of it
  kTold,      // by the sentry, but for those that programs make all the time and expect (clone3)
  kAll,       // by the sentry
};

class CallPolicy {
 public:
  // "SOURCE:LINE:COLUMN: problem": an unknown call, a rule that loosens without saying so, or that
  // may not.
  static absl::StatusOr<CallPolicy> Create(const policies::Policy& policy);

  // The lines of a call; null when the table does not know the number (ENOSYS).
  const std::vector<PolicyLine>* LinesOf(int nr) const;
  // The line that decides. Null as above.
  const PolicyLine* Decide(int nr, const CallArguments& arguments) const;

  // Has sendmsg(2) stopped where it would run natively: the address lies behind a pointer, and what
  // the kernel refuses by egress rules is to be told. For --audit, on both sides: where the filter
  // is made, and in the sentry.
  void WatchMessages();

  policies::FilterSpec ToFilterSpec(Refusals refusals) const;

  // By what happens to their uses: without a look at the arguments, or by them.
  struct Counts {
    int native = 0, checked = 0, sentry = 0, refused = 0;
    int reach_kernel = 0;  // native, or checked with some use that is
  };
  Counts Count() const;

 private:
  std::map<int, std::vector<PolicyLine>> lines_;
};

bool Holds(const policies::Condition& condition, const CallArguments& arguments);

// The table's line for a call by its name; null for an unknown one.
const Entry* FindSyscallByName(absl::string_view name);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_CALL_POLICY_H_
