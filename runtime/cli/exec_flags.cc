#include "runtime/cli/exec_flags.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/validate.h"

namespace moat::cli {
namespace {

// 2^32 - 1 is "no id".
bool ParseId(absl::string_view text, uint32_t& id) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &id) && id != UINT32_MAX;
}

absl::StatusOr<spec::Process> ReadProcess(const std::string& file) {
  const auto text = ReadFile(file, spec::kMaxConfigSize);
  if (!text.ok()) return Annotate(text.status(), "--process");
  auto process = spec::ParseProcess(*text);
  if (!process.ok()) return Annotate(process.status(), absl::StrCat("--process ", file));
  return process;
}

// In place of what `environment` has under the same name: programs take the first that they find.
void SetVariables(const std::vector<std::string>& entries, std::vector<std::string>& environment) {
  for (const std::string& entry : entries) {
    const std::string start = entry.substr(0, entry.find('=')) + "=";
    std::erase_if(environment,
                  [&start](const std::string& old) { return absl::StartsWith(old, start); });
    environment.push_back(entry);
  }
}

// As runc: never inheritable, so ambient only where the config has it inheritable already.
void AddCapabilities(const std::vector<std::string>& names, spec::Process& process) {
  if (names.empty()) return;
  if (!process.capabilities) process.capabilities.emplace();
  spec::Capabilities& sets = *process.capabilities;
  for (const std::string& name : names) {
    sets.bounding.push_back(name);
    sets.effective.push_back(name);
    sets.permitted.push_back(name);
    if (std::find(sets.inheritable.begin(), sets.inheritable.end(), name) !=
        sets.inheritable.end()) {
      sets.ambient.push_back(name);
    }
  }
}

absl::Status AddGroups(const std::vector<std::string>& written, spec::User& user) {
  for (const std::string& text : written) {
    uint32_t gid;
    if (!ParseId(text, gid)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--additional-gids: \"", text, "\" is not a group id (a number)"));
    }
    user.additional_gids.push_back(gid);
  }
  return absl::OkStatus();
}

absl::StatusOr<spec::Process> FromFlags(const ExecFlags& flags,
                                        const std::vector<std::string>& command,
                                        const spec::Process& of_container) {
  if (command.empty()) {
    return absl::InvalidArgumentError(
        "process args cannot be empty: give a command behind the id, or --process");
  }
  spec::Process process = of_container;
  process.args = command;
  process.terminal = flags.tty;
  if (!flags.cwd.empty()) process.cwd = flags.cwd;
  if (!flags.apparmor.empty()) process.apparmor_profile = flags.apparmor;
  if (!flags.label.empty()) process.selinux_label = flags.label;
  if (flags.no_new_privs != 0) process.no_new_privileges = flags.no_new_privs > 0;
  SetVariables(flags.env, process.env);
  AddCapabilities(flags.capabilities, process);
  if (!flags.user.empty()) RETURN_IF_ERROR(ParseUser(flags.user, process.user));
  RETURN_IF_ERROR(AddGroups(flags.additional_gids, process.user));
  RETURN_IF_ERROR(spec::ValidateProcess(process));
  return process;
}

}  // namespace

void DeclareExecFlags(CLI::App& app, ExecFlags& flags) {
  app.add_option("-p,--process", flags.process, "a process.json that describes all of it")
      ->type_name("FILE");
  app.add_flag("-t,--tty", flags.tty, "a terminal of its own");
  app.add_option("-u,--user", flags.user, "user and group, by number")->type_name("UID[:GID]");
  app.add_option("-g,--additional-gids", flags.additional_gids, "one more group")
      ->type_name("GID")
      ->allow_extra_args(false);
  app.add_option("-c,--cap", flags.capabilities, "one more capability, as CAP_NET_ADMIN")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("-e,--env", flags.env, "set a variable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("--cwd", flags.cwd, "directory to start in")->type_name("DIR");
  app.add_option("--apparmor", flags.apparmor, "AppArmor profile")->type_name("NAME");
  app.add_option("--process-label", flags.label, "SELinux label")->type_name("LABEL");
  app.add_flag("--no-new-privs", flags.no_new_privs, "no privileges by exec (PR_SET_NO_NEW_PRIVS)");
  app.add_flag("-d,--detach", flags.detach, "do not wait for the command");
  app.add_option("--pid-file", flags.pid_file, "write the process id to FILE")->type_name("FILE");
  app.add_option("--console-socket", flags.console_socket,
                 "AF_UNIX socket that gets the master of the terminal")
      ->type_name("SOCKET");
  app.add_option("--pidfd-socket", flags.pidfd_socket,
                 "AF_UNIX socket that gets a pidfd of the process")
      ->type_name("SOCKET");
  app.add_option("--preserve-fds", flags.preserve_fds,
                 "give the command N more descriptors, from 3 on")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  app.add_option("--cgroup", flags.cgroups,
                 "run it in this control group below the container's, which must exist")
      ->type_name("[CONTROLLER,...:]PATH")
      ->allow_extra_args(false);
  app.add_flag("--ignore-paused", flags.ignore_paused, "also in a paused container");
}

absl::Status ParseUser(absl::string_view text, spec::User& user) {
  const std::vector<absl::string_view> ids = absl::StrSplit(text, ':');
  spec::User parsed = user;
  if (ids.size() > 2 || !ParseId(ids[0], parsed.uid) ||
      (ids.size() == 2 && !ParseId(ids[1], parsed.gid))) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user: \"", text, "\" is not UID or UID:GID (numbers)"));
  }
  user = std::move(parsed);
  return absl::OkStatus();
}

absl::StatusOr<spec::Process> DescribeProcess(const ExecFlags& flags,
                                              const std::vector<std::string>& command,
                                              const spec::Process& of_container) {
  if (flags.process.empty()) return FromFlags(flags, command, of_container);
  ASSIGN_OR_RETURN(spec::Process process, ReadProcess(flags.process));
  if (!process.capabilities) process.capabilities = of_container.capabilities;
  if (process.rlimits.empty()) process.rlimits = of_container.rlimits;
  return process;
}

}  // namespace moat::cli
