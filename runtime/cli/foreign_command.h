// Cuts the command that `moat do` or `moat exec` runs, or the options of ps(1) that `moat ps`
// passes on, off moat's own arguments. It is somebody else's command line: a parser of ours must
// never see it (CLI11 takes "[x]" for a list and "--" for its own, wherever they stand).
#ifndef MOAT_RUNTIME_CLI_FOREIGN_COMMAND_H_
#define MOAT_RUNTIME_CLI_FOREIGN_COMMAND_H_

#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace moat::cli {

struct CutArguments {
  std::vector<std::string> own;      // global flags, "do", its flags
  std::vector<std::string> foreign;  // unchanged; empty when there is none
};

// `arguments` are those of moat, without its name. When they choose a command of `app` that is in
// `takes_foreign`, what follows its flags, or a "--" behind them, is foreign. Long flags may be
// written with one dash. Unknown flags are taken for flags without a value: the parser refuses them
// anyway.
CutArguments CutForeignCommand(const CLI::App& app, const std::set<std::string>& takes_foreign,
                               const std::vector<std::string>& arguments);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_FOREIGN_COMMAND_H_
