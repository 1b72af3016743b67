#include "runtime/cli/command_line.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "runtime/cli/command.h"
#include "runtime/cli/foreign_command.h"
#include "runtime/cli/own_namespace.h"
#include "runtime/spec/spec.h"
#include "runtime/state/store.h"

namespace moat::cli {
namespace {

struct Command {
  const char* name;
  const char* summary;
  const char* group;
  Action (*configure)(CLI::App& app);
  bool makes_containers = false;
};

constexpr char kSandbox[] = "Run a command in a sandbox";
constexpr char kLifeCycle[] = "OCI containers";
constexpr char kRunsForeignCommand[] = "do";
constexpr char kJoinsForeignCommand[] = "exec";
constexpr char kHasForeignOptions[] = "ps";

constexpr Command kCommands[] = {
    {kRunsForeignCommand, "run a command on a copy-on-write view of this machine", kSandbox,
     ConfigureDo, true},
    {"spec", "write a config.json to start a bundle from", kLifeCycle, ConfigureSpec},
    {"run", "create a container from a bundle, start it and wait for it", kLifeCycle, ConfigureRun,
     true},
    {"create", "create a container from a bundle", kLifeCycle, ConfigureCreate, true},
    {"start", "start a created container", kLifeCycle, ConfigureStart},
    {"state", "print a container's state as JSON", kLifeCycle, ConfigureState},
    {kJoinsForeignCommand, "run a further command in a container", kLifeCycle, ConfigureExec},
    {"kill", "send a signal to a container", kLifeCycle, ConfigureKill},
    {"delete", "delete a container and all that it holds", kLifeCycle, ConfigureDelete},
    {"list", "list containers", kLifeCycle, ConfigureList},
    {kHasForeignOptions, "list the processes of a container", kLifeCycle, ConfigurePs},
    {"pause", "stop all processes of a container for a while", kLifeCycle, ConfigurePause},
    {"resume", "let a paused container run again", kLifeCycle, ConfigureResume},
    {"update", "change a container's limits", kLifeCycle, ConfigureUpdate},
    {"events", "print what a container uses, and when its memory runs out", kLifeCycle,
     ConfigureEvents},
    {"policy", "check, show, compare and explain policies", kLifeCycle, ConfigurePolicy},
    {"features", "print what moat honours of the OCI specification, as JSON", kLifeCycle,
     ConfigureFeatures},
    {"checkpoint", "not supported", kLifeCycle, ConfigureCheckpoint},
    {"restore", "not supported", kLifeCycle, ConfigureRestore},
};

constexpr char kFooter[] = R"(
Examples:
  moat do -- bash                    a shell in which nothing on this machine can be harmed
  moat do --write-cwd -- make test   the same, but this directory may be written to
  moat run -b my-bundle web          an OCI bundle (config.json and a root file system)

`moat COMMAND --help` says more about a command.)";

void DeclareGlobals(CLI::App& app, Globals& globals) {
  app.add_option("--root", globals.root, "directory for the state of containers")
      ->type_name("DIR")
      ->default_str("/run/moat");
  app.add_option("--log", globals.log, "append log lines to FILE")->type_name("FILE");
  app.add_option("--log-format", globals.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("--debug", globals.debug, "log what is done, too");
  app.add_option("--cgroup-manager", globals.cgroup_manager,
                 "who makes control groups: moat itself, systemd, or nobody")
      ->check(CLI::IsMember({"cgroupfs", "systemd", "disabled"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_flag_function(
      "--systemd-cgroup",
      [&globals](int64_t on) {
        if (on > 0) globals.cgroup_manager = "systemd";
      },
      "the same as --cgroup-manager systemd");
  app.add_option("--rootless", globals.rootless, "true, false or auto: accepted, moat looks itself")
      ->check(CLI::IsMember({"true", "false", "auto"}))
      ->type_name("WHEN")
      ->group("");
  app.set_version_flag("-v,--version", [] {
    return absl::StrCat("moat version ", MOAT_VERSION, "\ncommit: ", MOAT_COMMIT,
                        "\nspec: ", spec::kOciVersion);
  });
}

// All long names of `app` and its commands.
std::set<std::string> LongNames(const CLI::App& app) {
  std::set<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    names.insert(option->get_lnames().begin(), option->get_lnames().end());
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.merge(LongNames(*command));
  }
  return names;
}

// CLI11 has no words about what a newcomer should do.
std::string ParseFault(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const std::string help =
      chosen.empty() ? "moat --help" : absl::StrCat("moat ", chosen.front()->get_name(), " --help");
  return absl::StrCat(absl::StrReplaceAll(error.what(), {{"\n", " "}}), " (see `", help, "`)");
}

// Clients read the log: an error in the command line goes there, too, as far as its flags are
// known.
int ReportParseFault(const CLI::App& app, const CLI::ParseError& error) {
  Globals globals;
  const auto take = [&app](const char* flag, std::string& value) {
    const CLI::Option* option = app.get_option(flag);
    if (option->count() != 0) value = option->results().front();
  };
  take("--log", globals.log);
  take("--log-format", globals.log_format);
  const auto context = Context::Create(globals, nullptr, {});
  const std::string fault = ParseFault(app, error);
  if (context.ok()) {
    context->ReportError(fault);
  } else {
    LogError(fault);
  }
  return 1;
}

// An ordinary user makes containers as root of a user namespace of his own. Where the state is does
// not change with that.
absl::Status PrepareToMake(Globals& globals, char** argv) {
  if (globals.root.empty()) {
    ASSIGN_OR_RETURN(globals.root, state::Store::DefaultRoot());
  }
  return BecomeRootOfOwnNamespace(argv);
}

int Run(Globals& globals, bool makes_containers, char** argv, const Action& action,
        std::vector<std::string> foreign_command) {
  auto context = Context::Create(globals, argv, std::move(foreign_command));
  if (!context.ok()) {
    LogError(context.status().message());
    return 1;
  }
  if (makes_containers) {
    if (const absl::Status ready = PrepareToMake(globals, argv); !ready.ok()) {
      context->ReportError(ready.message());
      return 1;
    }
  }
  const absl::StatusOr<int> code = action(*context);
  if (code.ok()) return *code;
  context->ReportError(code.status().message());
  return ExitCodeOf(code.status());
}

}  // namespace

std::vector<std::string> NormalizeGoFlags(std::vector<std::string> arguments,
                                          const std::set<std::string>& long_names) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') continue;
    if (long_names.count(argument.substr(1, argument.find('=') - 1)) != 0) {
      argument.insert(0, "-");
    }
  }
  return arguments;
}

int Main(int argc, char** argv) {
  CLI::App app("moat runs containers and commands that nobody trusts.", "moat");
  Globals globals;
  DeclareGlobals(app, globals);
  app.footer(kFooter);
  app.option_defaults()->always_capture_default(false);
  struct Declared {
    CLI::App* sub;
    bool makes_containers;
    Action action;
  };
  std::vector<Declared> commands;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary)->group(command.group);
    // Declaring the options of all commands takes longer than some commands do.
    if (std::find(argv, argv + argc, absl::string_view(command.name)) == argv + argc) continue;
    commands.push_back({sub, command.makes_containers, command.configure(*sub)});
  }
  CutArguments arguments =
      CutForeignCommand(app, {kRunsForeignCommand, kJoinsForeignCommand, kHasForeignOptions},
                        {argv + std::min(argc, 1), argv + argc});
  arguments.own = NormalizeGoFlags(std::move(arguments.own), LongNames(app));
  std::reverse(arguments.own.begin(), arguments.own.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments.own));
  } catch (const CLI::Success& wanted) {  // --help, --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return ReportParseFault(app, error);
  }
  for (const Declared& command : commands) {
    if (!command.sub->parsed()) continue;
    return Run(globals, command.makes_containers, argv, command.action,
               std::move(arguments.foreign));
  }
  std::fputs(app.help().c_str(), stdout);
  return 0;
}

}  // namespace moat::cli
