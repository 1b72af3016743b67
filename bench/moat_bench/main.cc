// moat-bench: compares container runtimes, in safety and in speed.
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "bench/moat_bench/driver/containers.h"
#include "bench/moat_bench/driver/environment.h"
#include "bench/moat_bench/driver/guardian.h"
#include "bench/moat_bench/driver/preflight.h"
#include "bench/moat_bench/options.h"
#include "bench/moat_bench/report/compare.h"
#include "bench/moat_bench/report/journal.h"
#include "bench/moat_bench/report/report.h"
#include "bench/moat_bench/report/terminal.h"
#include "bench/moat_bench/security/security.h"
#include "bench/moat_bench/speed/breakdown.h"
#include "bench/moat_bench/speed/speed.h"

namespace moat::bench {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kFailed = 1, kInterrupted = 130;

// Beside this program: PREFIX/libexec/moat-bench, or its like in a build folder.
absl::StatusOr<fs::path> OwnFolder() {
  const fs::path folder =
      fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "libexec/moat-bench";
  if (fs::exists(folder / "root/bin/guest") && fs::exists(folder / "data/docker_default.json"))
    return folder;
  return absl::NotFoundError(
      absl::StrCat(folder.string(),
                   " does not hold the parts of moat-bench; install it with `cmake --install`"));
}

json SettingsOf(const Options& options) {
  json settings = {{"runtimes", options.runtimes}};
  if (options.command == Options::Command::kSecurity) settings["parts"] = options.parts;
  if (options.command == Options::Command::kSpeed) {
    settings["rounds"] = options.speed.rounds;
    settings["min_time"] = options.speed.min_time;
    settings["suites"] = options.speed.suites;
    settings["apps"] = options.speed.apps;
    settings["idle"] = options.speed.idle;
    settings["sizes"] = options.speed.sizes;
    settings["rootfs"] = options.speed.rootfs;
  }
  return settings;
}

void DescribeRuntimes(const Containers& containers, const std::vector<Runtime>& runtimes,
                      json& document) {
  document["runtimes"] = json::array();
  for (const Runtime& runtime : runtimes) {
    const auto left = containers.leftovers().find(runtime.name);
    document["runtimes"].push_back(
        {{"name", runtime.name},
         {"command", runtime.command},
         {"version", runtime.version},
         {"usable", runtime.usable()},
         {"why_not", runtime.why_not},
         {"notes", runtime.notes},
         {"left_behind",
          left == containers.leftovers().end() ? std::vector<std::string>() : left->second}});
  }
}

absl::StatusOr<std::vector<Runtime>> ParseRuntimes(const std::vector<std::string>& texts) {
  std::vector<Runtime> runtimes;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(Runtime runtime, ParseRuntime(text));
    for (const Runtime& other : runtimes) {
      if (other.name == runtime.name)
        return absl::InvalidArgumentError(absl::StrCat("two runtimes are called ", other.name));
    }
    runtimes.push_back(std::move(runtime));
  }
  return runtimes;
}

// The parts of this run's own folder: data and root of this program, copied so that a read-only
// installation does.
absl::StatusOr<Places> MakePlaces(const std::string& work) {
  ASSIGN_OR_RETURN(const fs::path own, OwnFolder());
  std::error_code fault;
  const fs::path root = fs::path(work) / "root";
  fs::copy(own / "root", root, fs::copy_options::recursive | fs::copy_options::copy_symlinks,
           fault);
  if (fault)
    return absl::UnavailableError(
        absl::StrCat("cannot copy ", (own / "root").string(), ": ", fault.message()));
  for (const char* name : {"dev", "proc", "sys", "tmp", "etc"}) fs::create_directories(root / name);
  return Places{.data = own / "data", .root = root, .work = work};
}

absl::Status Measure(const Options& options, Containers& containers, std::vector<Runtime>& runtimes,
                     Journal& journal, Terminal& terminal) {
  for (size_t i = 0; i < runtimes.size(); ++i) {
    terminal.Progress(static_cast<int>(i), static_cast<int>(runtimes.size()),
                      absl::StrCat("does ", runtimes[i].name, " work here?"));
    Preflight(containers, runtimes[i]);
    if (containers.processes().interrupted()) return absl::CancelledError("interrupted");
  }
  DescribeRuntimes(containers, runtimes, journal.document());
  if (options.command == Options::Command::kSecurity)
    return RunSecurity(containers, runtimes, options.parts, journal, terminal);
  if (options.command == Options::Command::kSpeed)
    return RunSpeed(containers, runtimes, options.speed, journal, terminal);
  return RunBreakdown(containers, runtimes, options.breakdown, journal, terminal);
}

absl::Status Run(const Options& options, const std::string& work) {
  ASSIGN_OR_RETURN(std::vector<Runtime> runtimes, ParseRuntimes(options.runtimes));
  ASSIGN_OR_RETURN(Places places, MakePlaces(work));
  ASSIGN_OR_RETURN(const std::string data, ReadFile(places.data + "/docker_default.json", 1 << 20));
  ASSIGN_OR_RETURN(json docker, DockerConfig(json::parse(data, nullptr, false)));
  const char* kind = options.command == Options::Command::kSecurity ? "security"
                     : options.command == Options::Command::kSpeed  ? "speed"
                                                                    : "breakdown";
  ASSIGN_OR_RETURN(Journal journal,
                   Journal::Open(options.json, kind, SettingsOf(options), options.resume));
  ASSIGN_OR_RETURN(Processes processes, Processes::Create());
  if (!journal.document().contains("environment"))
    journal.document()["environment"] = Environment();
  Containers containers(processes, places, std::move(docker));
  Terminal terminal;
  const absl::Status done = Measure(options, containers, runtimes, journal, terminal);
  processes.set_cleaning(true);
  processes.EndDescendants();
  terminal.EndProgress();
  DescribeRuntimes(containers, runtimes, journal.document());
  RETURN_IF_ERROR(done.ok() ? journal.Complete() : journal.Write());
  RETURN_IF_ERROR(done);
  return WriteReports(journal.document(), {.html = options.html, .markdown = options.markdown},
                      terminal);
}

// A tmpfs if possible, as that is where runtimes keep their state; not below /dev, which probes
// replace in images.
std::string DefaultPlace() {
  for (const char* place : {"/run", "/var/tmp", "/tmp"}) {
    struct statvfs attributes;
    if (statvfs(place, &attributes) == 0 && (attributes.f_flag & ST_NOEXEC) == 0 &&
        access(place, W_OK) == 0)
      return place;
  }
  return "/tmp";
}

int RunGuarded(const Options& options) {
  if (geteuid() != 0)
    std::fprintf(stderr, "moat-bench: not root: most runtimes and all tracing need it\n");
  return Guarded(
      options.work.empty() ? DefaultPlace() : options.work, [&](const std::string& folder) {
        const absl::Status status = Run(options, folder);
        if (status.ok()) return 0;
        std::fprintf(stderr, "moat-bench: %s\n", std::string(status.message()).c_str());
        if (status.code() != absl::StatusCode::kCancelled) return kFailed;
        if (!options.json.empty())
          std::fprintf(
              stderr, "moat-bench: what is done is in %s; the same command with --resume goes on\n",
              options.json.c_str());
        return kInterrupted;
      });
}

absl::Status Report(const Options& options) {
  Terminal terminal;
  for (const std::string& file : options.files) {
    ASSIGN_OR_RETURN(const json document, ReadResults(file));
    RETURN_IF_ERROR(
        WriteReports(document, {.html = options.html, .markdown = options.markdown}, terminal));
  }
  return absl::OkStatus();
}

absl::Status PrintSchema() {
  ASSIGN_OR_RETURN(const fs::path own, OwnFolder());
  ASSIGN_OR_RETURN(const std::string text, ReadFile(own / "data/moat-bench.schema.json", 1 << 20));
  std::printf("%s", text.c_str());
  return absl::OkStatus();
}

absl::Status CompareFiles(const Options& options) {
  ASSIGN_OR_RETURN(const json old_results, ReadResults(options.files[0]));
  ASSIGN_OR_RETURN(const json new_results, ReadResults(options.files[1]));
  Terminal terminal;
  return CompareResults(old_results, new_results, terminal);
}

int Main(int argc, char** argv) {
  int exit = -1;
  const Options options = ParseOptions(argc, argv, &exit);
  if (exit != -1) return exit;
  absl::Status status;
  switch (options.command) {
    case Options::Command::kReport:
      status = Report(options);
      break;
    case Options::Command::kCompare:
      status = CompareFiles(options);
      break;
    case Options::Command::kSchema:
      status = PrintSchema();
      break;
    default:
      return RunGuarded(options);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "moat-bench: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

}  // namespace
}  // namespace moat::bench

int main(int argc, char** argv) { return moat::bench::Main(argc, argv); }
