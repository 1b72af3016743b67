// `moat exec`: its flags, and the process that they describe.
#ifndef MOAT_RUNTIME_CLI_EXEC_FLAGS_H_
#define MOAT_RUNTIME_CLI_EXEC_FLAGS_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::cli {

// As written; "" and 0: not given. runc's meaning.
struct ExecFlags {
  std::string process;  // a file; then the flags that describe the process don't count
  bool tty = false;
  std::string user;
  std::vector<std::string> additional_gids;
  std::vector<std::string> capabilities;
  std::vector<std::string> env;
  std::string cwd;
  std::string apparmor;
  std::string label;
  int no_new_privs = 0;  // -1: --no-new-privs=false

  bool detach = false;
  std::string pid_file;
  std::string console_socket;
  std::string pidfd_socket;
  int preserve_fds = 0;
  std::vector<std::string> cgroups;
  bool ignore_paused = false;
};

void DeclareExecFlags(CLI::App& app, ExecFlags& flags);

// "UID" or "UID:GID", decimal and nothing else; what is not given stays.
absl::Status ParseUser(absl::string_view text, spec::User& user);

// The process that `command` (not looked at with --process) and `flags` ask for, out of that of the
// container's config: checked, and with the config's capabilities and limits where it has none.
absl::StatusOr<spec::Process> DescribeProcess(const ExecFlags& flags,
                                              const std::vector<std::string>& command,
                                              const spec::Process& of_container);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_EXEC_FLAGS_H_
