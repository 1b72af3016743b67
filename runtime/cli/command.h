// The commands of moat. One file each (cmd_<name>.cc), one table (command_line.cc).
#ifndef MOAT_RUNTIME_CLI_COMMAND_H_
#define MOAT_RUNTIME_CLI_COMMAND_H_

#include <functional>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "runtime/cli/context.h"

namespace moat::cli {

// Runs a command whose flags have been parsed; gives moat's exit code. Called at most once.
using Action = std::function<absl::StatusOr<int>(const Context&)>;

// Declares a command's flags, positionals and examples on `app`. What it returns runs it, and owns
// the variables that the flags write to.
Action ConfigureCheckpoint(CLI::App& app);
Action ConfigureCreate(CLI::App& app);
Action ConfigureDelete(CLI::App& app);
Action ConfigureDo(CLI::App& app);
Action ConfigureEvents(CLI::App& app);
Action ConfigureExec(CLI::App& app);
Action ConfigureFeatures(CLI::App& app);
Action ConfigureKill(CLI::App& app);
Action ConfigureList(CLI::App& app);
Action ConfigurePause(CLI::App& app);
Action ConfigurePolicy(CLI::App& app);
Action ConfigurePs(CLI::App& app);
Action ConfigureRestore(CLI::App& app);
Action ConfigureResume(CLI::App& app);
Action ConfigureRun(CLI::App& app);
Action ConfigureSpec(CLI::App& app);
Action ConfigureStart(CLI::App& app);
Action ConfigureState(CLI::App& app);
Action ConfigureUpdate(CLI::App& app);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_COMMAND_H_
