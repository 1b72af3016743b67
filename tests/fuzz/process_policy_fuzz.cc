// Files like policies/sentry.json. What is accepted compiles.
#include <cstdlib>
#include <string>

#include "policies/compiler/filter_compiler.h"
#include "policies/process/policy_file.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {

void Run(absl::string_view input) {
  const auto policy = policies::ParseProcessPolicy(std::string(input), /*sanitized=*/false);
  if (!policy.ok()) return;
  const auto program = policies::Compile(policy->spec);
  if (program.ok() && program->empty()) std::abort();
}

}  // namespace moat::fuzz
