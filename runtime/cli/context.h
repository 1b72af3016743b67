// What every command gets besides its own flags.
#ifndef MOAT_RUNTIME_CLI_CONTEXT_H_
#define MOAT_RUNTIME_CLI_CONTEXT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/launch/launch.h"
#include "runtime/state/store.h"

namespace moat::cli {

// The flags before the command.
struct Globals {
  std::string root;  // "": Store::DefaultRoot
  std::string log;   // "": standard error
  std::string log_format = "text";
  bool debug = false;
  std::string rootless = "auto";
  // cgroupfs, systemd or disabled.
  std::string cgroup_manager = "cgroupfs";
};

class Context {
 public:
  // Opens the log as `globals` say. `globals` and `argv` outlive the context.
  static absl::StatusOr<Context> Create(const Globals& globals, char** argv,
                                        std::vector<std::string> foreign_command);

  // As main() has it.
  char** argv() const { return argv_; }

  // The command to run and its arguments, as they were written (foreign_command.h); else empty.
  const std::vector<std::string>& foreign_command() const { return foreign_command_; }

  absl::StatusOr<state::Store> OpenStore() const;

  // Who makes control groups, as the flags want it.
  absl::StatusOr<cgroups::Manager> WantsControlGroups() const;

  // Where sentry and gofer write while somebody watches: a text log, else standard error (a JSON
  // log is parsed by others).
  int log_fd() const;

  // Writes an error to the log, and to standard error when the log is a file.
  void ReportError(absl::string_view message) const;

 private:
  Context(const Globals& globals, char** argv, std::vector<std::string> foreign_command, Fd log)
      : globals_(globals),
        argv_(argv),
        foreign_command_(std::move(foreign_command)),
        log_(std::move(log)) {}
  LogFormat format() const;

  const Globals& globals_;
  char** argv_;
  std::vector<std::string> foreign_command_;
  Fd log_;  // none: standard error
};

// moat's other programs: in ../libexec/moat beside bin/moat when installed, beside moat itself in
// the build tree. An error names both places.
absl::StatusOr<launch::Programs> FindPrograms();
absl::StatusOr<std::string> FindPart(const char* name);
inline constexpr char kSystemdPart[] = "moat-systemd";

// The systemd that is the caller's to ask.
cgroups::Manager OwnSystemd();

// A failure for which moat has another exit code than 1.
absl::Status WithExitCode(const absl::Status& status, int code);
int ExitCodeOf(const absl::Status& status);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_CONTEXT_H_
