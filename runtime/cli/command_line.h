// moat's command line.
#ifndef MOAT_RUNTIME_CLI_COMMAND_LINE_H_
#define MOAT_RUNTIME_CLI_COMMAND_LINE_H_

#include <set>
#include <string>
#include <vector>

namespace moat::cli {

// Parses, runs the command, reports its error; returns the exit code of the process.
int Main(int argc, char** argv);

// Callers that know Go programs write long flags with one dash (`-no-subreaper`): gives them two.
// `long_names` are without dashes. What follows the command `do` is left alone, as everything after
// "--": it may belong to somebody else's command line.
std::vector<std::string> NormalizeGoFlags(std::vector<std::string> arguments,
                                          const std::set<std::string>& long_names);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_COMMAND_LINE_H_
