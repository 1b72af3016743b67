#include "runtime/cli/policy_flags.h"

namespace moat::cli {

void DeclarePolicyFlags(CLI::App& app, PolicyFlags& flags) {
  app.add_option("--policy", flags.name,
                 "what it may do: default, strict, compat, or a file (see `moat policy`)")
      ->type_name("NAME|FILE")
      ->group("Policy");
  app.add_option("--audit", flags.audit, "append a line of JSON for everything that is refused")
      ->type_name("FILE")
      ->group("Policy");
}

}  // namespace moat::cli
