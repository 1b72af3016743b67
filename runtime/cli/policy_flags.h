// The flags of create, run and do that choose a policy and where its refusals are recorded.
#ifndef MOAT_RUNTIME_CLI_POLICY_FLAGS_H_
#define MOAT_RUNTIME_CLI_POLICY_FLAGS_H_

#include <string>

#include "CLI/CLI.hpp"

namespace moat::cli {

struct PolicyFlags {
  std::string name;   // or a file; "": by annotation, else "default"
  std::string audit;  // file; "": none
};

void DeclarePolicyFlags(CLI::App& app, PolicyFlags& flags);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_POLICY_FLAGS_H_
