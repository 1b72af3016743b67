// Policies of containers. What is accepted compiles, or says why not, and survives being saved.
#include <cstdlib>
#include <string>

#include "policies/compiler/filter_compiler.h"
#include "policies/container/parse_policy.h"
#include "runtime/cgroups/egress_program.h"
#include "sentry/syscalls/call_policy.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  auto layer = policies::ParseLayer("fuzzed", input);
  if (!layer.ok()) return;
  policies::Policy policy;
  policy.layers.push_back(*std::move(layer));
  const auto calls = sentry::CallPolicy::Create(policy);
  if (calls.ok()) {
    const auto program = policies::Compile(calls->ToFilterSpec(sentry::Refusals::kTold));
    if (program.ok() && program->empty()) std::abort();
  }
  const cgroups::Names names;
  if (policy.egress() != nullptr && cgroups::CheckEgress(*policy.egress()).ok() &&
      (cgroups::CompileEgress4(*policy.egress(), &names).empty() ||
       cgroups::CompileEgress6(*policy.egress(), &names).empty())) {
    std::abort();
  }
  if (policy.listen() != nullptr && (cgroups::CompileListen4(*policy.listen()).empty() ||
                                     cgroups::CompileListen6(*policy.listen()).empty())) {
    std::abort();
  }
  // Text that is no UTF-8 is replaced when it is saved.
  (void)policies::PolicyFromSaved(policies::SavedPolicy(policy));
}

}  // namespace moat::fuzz
