#include "bench/moat_bench/options.h"

#include <CLI/CLI.hpp>

#include "bench/moat_bench/security/security.h"

namespace moat::bench {
namespace {

constexpr char kAbout[] =
    "Compares OCI runtimes, in safety and in speed, by their command line alone.\n"
    "Every probe and benchmark is described in docs/moat-bench.md.";

void AddCommon(CLI::App* command, Options& options) {
  command
      ->add_option(
          "--runtime", options.runtimes,
          "NAME or NAME=COMMAND LINE; once for each. The first is what others are compared with")
      ->required()
      ->allow_extra_args(false);
  command->add_option("--json", options.json, "keep the results here, after every part");
  command->add_option("--html", options.html, "one self-contained page with charts");
  command->add_option("--markdown", options.markdown, "tables for a document");
  command->add_flag("--resume", options.resume,
                    "go on with what --json FILE has of an interrupted run");
  command->add_option("--work", options.work,
                      "folder for bundles, state and root file system; must allow programs "
                      "(default: /run, /var/tmp or /tmp)");
}

void AddSecurity(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand(
      "security",
      "system calls reached, posture, escape preconditions, footprint, dying supervisors");
  AddCommon(command, options);
  command
      ->add_option("--only", options.parts,
                   "parts, with commas: matrix, posture, escape, footprint, supervisor")
      ->delimiter(',')
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(kSecurityParts), std::end(kSecurityParts))));
  command->callback([&options] { options.command = Options::Command::kSecurity; });
}

void AddSpeed(CLI::App& app, Options& options) {
  CLI::App* command =
      app.add_subcommand("speed", "single calls, life of containers, memory, growth, applications");
  AddCommon(command, options);
  command
      ->add_option("--only", options.speed.suites,
                   "suites, with commas: micro, life, memory, growth, apps")
      ->delimiter(',')
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(kSpeedSuites), std::end(kSpeedSuites))));
  command->add_option("--apps", options.speed.apps, "only these applications, with commas")
      ->delimiter(',');
  command->add_option("--rounds", options.speed.rounds, "every round visits every runtime")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--min-time", options.speed.min_time,
                   "seconds for each micro benchmark in a round")
      ->capture_default_str();
  command->add_option("--rootfs", options.speed.rootfs, "a Debian root for the applications")
      ->check(CLI::ExistingDirectory);
  command->add_option("--idle", options.speed.idle, "containers of \"memory\"")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_option("--sizes", options.speed.sizes, "of \"growth\", with commas")
      ->delimiter(',')
      ->capture_default_str();
  command->add_flag("--quick", options.quick, "one short round: that it works");
  command->add_option("--breakdown", options.breakdown,
                      "NAME of a --runtime: where the time of a mediated stat, open and exec goes; "
                      "nothing else is measured");
  command->callback([&options] {
    options.command =
        options.breakdown.empty() ? Options::Command::kSpeed : Options::Command::kBreakdown;
  });
}

void AddReport(CLI::App& app, Options& options) {
  CLI::App* command =
      app.add_subcommand("report", "tables and pages of results that are there already");
  command->add_option("file", options.files, "results of security or speed")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--html", options.html, "one self-contained page with charts");
  command->add_option("--markdown", options.markdown, "tables for a document");
  command->callback([&options] { options.command = Options::Command::kReport; });
}

}  // namespace

Options ParseOptions(int argc, char** argv, int* exit) {
  Options options;
  CLI::App app(kAbout, "moat-bench");
  app.set_version_flag("--version", "moat-bench " MOAT_VERSION);
  app.require_subcommand(0, 1);
  AddSecurity(app, options);
  AddSpeed(app, options);
  AddReport(app, options);
  auto* compare = app.add_option("--compare", options.files,
                                 "OLD.json NEW.json: what changed between two results")
                      ->expected(2);
  bool schema = false;
  app.add_flag("--schema", schema, "print the JSON schema of results");
  *exit = -1;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit = app.exit(error) == 0 ? 0 : 2;
    return options;
  }
  if (schema) options.command = Options::Command::kSchema;
  if (compare->count() > 0) options.command = Options::Command::kCompare;
  if (options.command == Options::Command::kNone) {
    std::fprintf(stderr, "%s", app.help().c_str());
    *exit = 2;
  }
  if (options.quick) {
    options.speed.rounds = 1;
    options.speed.min_time = 0.001;
    options.speed.lives = 1;
    options.speed.idle = 2;
    options.speed.sizes = {1, 10};
  }
  return options;
}

}  // namespace moat::bench
