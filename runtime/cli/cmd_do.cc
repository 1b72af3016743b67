#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/container.h"
#include "runtime/cli/do_flags.h"
#include "runtime/cli/values.h"
#include "runtime/policy/choose.h"
#include "runtime/state/container_id.h"

namespace moat::cli {
namespace {

constexpr char kFooter[] = R"(
The command sees this machine's programs (/usr, /etc, /opt, ...) and may change them: changes are
its own and are gone with it. It sees the current directory, read-only, but no other data: /home,
/root, /var and /tmp are empty, keys and password files are not there. It has no network.

Examples:
  moat do -- bash                                 look around
  moat do --write-cwd -- make -j2                 build here
  moat do --net host -- pip install requests      with this machine's network
  moat do --memory 512M --pids 64 --timeout 10s -- ./untrusted
  moat do --rootfs ./debian -- apt list           another root file system
  moat do --trace -- true                         what does the sandbox answer for a program?

The exit code is the command's (128 + signal), 127 when there is no such command, 126 when it cannot
be executed, 124 after --timeout, 1 when moat itself failed.)";

void DeclareSeen(CLI::App& app, DoFlags& flags) {
  app.add_option("--rootfs", flags.rootfs, "root file system, in place of this machine's programs")
      ->type_name("DIR")
      ->group("What it sees");
  app.add_option("--volume", flags.volumes, "show a file or directory; writable without :ro")
      ->type_name("SRC:DST[:ro]")
      ->allow_extra_args(false)
      ->group("What it sees");
  app.add_flag("--write-cwd", flags.write_cwd, "the current directory may be written to")
      ->group("What it sees");
  app.add_option("--net", flags.net, "none, or host: this machine's network")
      ->check(CLI::IsMember({"none", "host"}))
      ->type_name("MODE")
      ->capture_default_str()
      ->group("What it sees");
  app.add_option("--keep", flags.keep, "save the files that were changed in a new directory")
      ->type_name("DIR")
      ->group("What it sees");
}

void DeclareProcess(CLI::App& app, DoFlags& flags) {
  app.add_option("--env", flags.env, "set a variable, or pass the caller's on")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false)
      ->group("How it runs");
  app.add_option("--cwd", flags.cwd, "directory to start in")
      ->type_name("DIR")
      ->group("How it runs");
  app.add_option("--user", flags.user, "user (and group), by name or number")
      ->type_name("USER[:GROUP]")
      ->group("How it runs");
  app.add_flag("--new-privileges", flags.new_privileges,
               "let set-user-ID bits and file capabilities count inside, for sudo, su, ping")
      ->group("How it runs");
  app.add_option("--hostname", flags.hostname, "name of the sandbox's machine")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("How it runs");
  auto* tty = app.add_flag("--tty", flags.tty, "a terminal of its own (default: if we have one)")
                  ->group("How it runs");
  app.add_flag("--no-tty", flags.no_tty, "no terminal of its own")
      ->excludes(tty)
      ->group("How it runs");
  app.add_flag("--trace{-}", flags.trace,
               "print each mediated system call to standard error, or --trace=FILE")
      ->group("How it runs");
}

void DeclareLimits(CLI::App& app, DoFlags& flags) {
  app.add_option("--cpus", flags.cpus, "processor time, as a number of processors")
      ->type_name("N")
      ->group("Limits");
  app.add_option("--memory", flags.memory, "memory, as 512M or 2G")
      ->type_name("SIZE")
      ->group("Limits");
  app.add_option("--pids", flags.pids, "processes and threads")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 22))
      ->type_name("N")
      ->group("Limits");
  app.add_option("--timeout", flags.timeout, "end it after 10s, 5m, ...: SIGTERM, then SIGKILL")
      ->type_name("TIME")
      ->group("Limits");
}

absl::StatusOr<Fd> OpenTrace(const std::string& path) {
  if (path.empty() || path == "-") return Fd();
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return ErrnoStatus(errno, "--trace: open", path);
  return file;
}

absl::Status Keep(const Fd& directory, const launch::Launched& launched,
                  const rootfs::RootPlan& plan) {
  std::vector<hostview::ChangedLayer> layers;
  for (const launch::Upper& upper : launched.uppers) {
    hostview::ChangedLayer layer{upper.destination, upper.directory.get(), {}};
    for (const auto& overlay : plan.overlays) {
      if (overlay.destination == upper.destination) layer.ours = overlay.hidden;
    }
    for (const auto& link : plan.symlinks) {
      if (upper.destination == "/") layer.ours.push_back(link.path.substr(1));
    }
    layers.push_back(std::move(layer));
  }
  return hostview::KeepChanges(directory.get(), layers);
}

absl::StatusOr<int> Do(const Context& context, const DoFlags& flags) {
  if (context.foreign_command().empty()) {
    return absl::InvalidArgumentError("no command to run (see `moat do --help`)");
  }
  ForegroundOptions options;
  options.end_on_default_action = true;
  if (!flags.timeout.empty()) {
    const auto timeout = ParseDuration(flags.timeout);
    if (!timeout.ok()) return Annotate(timeout.status(), "--timeout");
    options.timeout = *timeout;
  }
  ASSIGN_OR_RETURN(const Surroundings surroundings, LookAround());
  ASSIGN_OR_RETURN(Sandbox sandbox,
                   DescribeSandbox(flags, context.foreign_command(), surroundings));
  ASSIGN_OR_RETURN(const policies::Policy policy, policy::Choose(flags.policy.name, {}));
  policy::ApplyLimits(policy.limits(), sandbox.spec);
  for (const std::string& notice : sandbox.notices) LogInfo(notice);
  ASSIGN_OR_RETURN(const Fd trace, OpenTrace(flags.trace));
  Fd keep;
  if (!flags.keep.empty()) {
    ASSIGN_OR_RETURN(keep, hostview::PrepareKeepDirectory(flags.keep));
  }

  CreateRequest request{sandbox.spec, policy};
  request.audit = flags.policy.audit;
  request.id = state::RandomId("do");
  request.bundle = surroundings.directory;
  request.root_plan = sandbox.root_plan;
  if (!flags.cwd.empty()) request.cwd_option = "--cwd";
  request.trace = !flags.trace.empty();
  request.trace_fd = trace.get();
  request.foreground = true;
  return RunInForeground(context, request, options, [&](const launch::Launched& launched) {
    return keep ? Keep(keep, launched, sandbox.root_plan) : absl::OkStatus();
  });
}

}  // namespace

Action ConfigureDo(CLI::App& app) {
  auto flags = std::make_shared<DoFlags>();
  // For the help only: the words are cut off before anything is parsed (foreign_command.h).
  app.add_option("command", "the command and its arguments")->expected(1, -1);
  app.positionals_at_end();
  DeclareSeen(app, *flags);
  DeclareProcess(app, *flags);
  DeclareLimits(app, *flags);
  DeclarePolicyFlags(app, flags->policy);
  app.footer(kFooter);
  return [flags](const Context& context) { return Do(context, *flags); };
}

}  // namespace moat::cli
