// What it costs to make, start and remove containers, and what idle ones weigh.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "bench/moat_bench/speed/speed.h"
#include "bench/moat_bench/speed/statistics.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kSettleSeconds = 1.5;

// Takes a file out of the page cache as far as nobody maps it, so that the next start reads it
// anew.
void Forget(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.valid()) posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void ForgetProgram(const Runtime& runtime) {
  const char* path = getenv("PATH");
  std::vector<std::string> places = absl::StrSplit(path == nullptr ? "" : path, ':');
  for (const std::string& place : places) Forget(absl::StrCat(place, "/", runtime.command[0]));
  Forget(runtime.command[0]);
  // Programs that come along with it: moat's own lie in ../libexec/NAME.
  std::error_code none;
  const std::filesystem::path folder = std::filesystem::path(runtime.command[0]).parent_path();
  for (const auto& entry :
       std::filesystem::directory_iterator(folder.empty() ? "/nonexistent" : folder, none))
    Forget(entry.path());
}

struct Times {
  std::vector<double> create, start, remove, whole;
};

// One life; empty, or what went wrong.
std::string Live(Containers& containers, const Runtime& runtime, const std::string& bundle,
                 Times& times) {
  const std::string id = containers.NextId(runtime);
  const Outcome created = containers.Step(runtime, {"create", "--bundle", bundle, id});
  if (!created.ok()) return absl::StrCat("create: ", created.Fault());
  const pid_t init = containers.InitOf(runtime, id);
  const Outcome started = containers.Step(runtime, {"start", id});
  if (!started.ok()) return absl::StrCat("start: ", started.Fault());
  if (init > 0) containers.processes().WaitForEnd(init, 10);
  // Without a pid nobody knows when it ended.
  const std::vector<std::string> words = init > 0
                                             ? std::vector<std::string>{"delete", id}
                                             : std::vector<std::string>{"delete", "--force", id};
  const Outcome removed = containers.Step(runtime, words);
  if (!removed.ok()) return absl::StrCat("delete: ", removed.Fault());
  times.create.push_back(created.seconds * 1e9);
  times.start.push_back(started.seconds * 1e9);
  times.remove.push_back(removed.seconds * 1e9);
  return "";
}

// Private and proportional bytes.
std::pair<double, double> MemoryOf(const std::vector<pid_t>& processes) {
  double own = 0, share = 0;
  for (const pid_t process : processes) {
    std::istringstream lines(
        ReadFile(absl::StrCat("/proc/", process, "/smaps_rollup"), 1 << 16).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string name;
      double kilobytes = 0;
      words >> name >> kilobytes;
      if (absl::StartsWith(name, "Private_")) own += kilobytes * 1024;
      if (name == "Pss:") share += kilobytes * 1024;
    }
  }
  return {own, share};
}

double AvailableMemory() {
  std::istringstream lines(ReadFile("/proc/meminfo", 1 << 16).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (absl::StartsWith(line, "MemAvailable:")) return std::atof(line.c_str() + 13) * 1024;
  }
  return 0;
}

}  // namespace

json Life(Containers& containers, const Runtime& runtime, const SpeedOptions& options) {
  const auto config = containers.Config(runtime, Profile::kDefaults, {"/bin/guest", "nothing"});
  if (!config.ok()) return {{"fault", config.status().message()}};
  const auto bundle = containers.MakeBundle(*config);
  if (!bundle.ok()) return {{"fault", bundle.status().message()}};
  Times times;
  std::string fault;
  for (int i = 0; i < options.lives && fault.empty(); ++i)
    fault = Live(containers, runtime, *bundle, times);
  containers.Sweep(runtime);
  if (!fault.empty()) return {{"fault", fault}};
  ForgetProgram(runtime);
  const Outcome cold = containers.Run(runtime, *config, 60);
  std::vector<double> warm;
  for (int i = 0; i < options.lives; ++i) {
    const Outcome ran = containers.Run(runtime, *config, 60);
    if (!ran.ok()) return {{"fault", ran.Fault()}};
    warm.push_back(ran.seconds * 1e9);
  }
  const json figures = {{"create", Median(times.create)},
                        {"start", Median(times.start)},
                        {"delete", Median(times.remove)},
                        {"run, warm", Median(warm)},
                        {"run, cold", cold.seconds * 1e9}};
  json units = json::object();
  for (const auto& [name, value] : figures.items()) units[name] = "ns";
  return {{"figures", figures}, {"units", units}};
}

json Memory(Containers& containers, const Runtime& runtime, const SpeedOptions& options) {
  const auto config =
      containers.Config(runtime, Profile::kDefaults, {"/bin/guest", "sleep", "600"});
  if (!config.ok()) return {{"fault", config.status().message()}};
  const auto bundle = containers.MakeBundle(*config);
  if (!bundle.ok()) return {{"fault", bundle.status().message()}};
  std::vector<std::string> made;
  std::string fault;
  json figures = json::object(), units = json::object();
  const double before = AvailableMemory(), begin = MonotonicSeconds();
  for (int i = 0; i < options.idle && fault.empty() && !containers.processes().interrupted(); ++i) {
    made.push_back(containers.NextId(runtime));
    const Outcome created = containers.Step(runtime, {"create", "--bundle", *bundle, made.back()});
    const Outcome started =
        created.ok() ? containers.Step(runtime, {"start", made.back()}) : created;
    if (!started.ok()) fault = absl::StrCat("container ", i + 1, ": ", started.Fault());
    if (i != 0 && i + 1 != options.idle) continue;
    const double each = i + 1;
    if (each > 1) {
      figures["containers made per second"] = each / (MonotonicSeconds() - begin);
      units["containers made per second"] = "1/s";
    }
    containers.processes().Pause(kSettleSeconds);
    const std::vector<pid_t> processes = containers.processes().Descendants();
    const auto [own, share] = MemoryOf(processes);
    const std::string of = i == 0 ? "1 idle" : absl::StrCat("each of ", options.idle, " idle");
    figures[of + ", private"] = own / each;
    figures[of + ", PSS"] = share / each;
    figures[of + ", taken from the machine"] = std::max(0.0, before - AvailableMemory()) / each;
    for (const char* kind : {", private", ", PSS", ", taken from the machine"})
      units[of + kind] = "bytes";
    figures[of + ", processes"] = static_cast<double>(processes.size()) / each;
    units[of + ", processes"] = "processes";
  }
  for (const std::string& id : made) containers.Remove(runtime, id);
  containers.Sweep(runtime);
  if (!fault.empty()) return {{"fault", fault}};
  return {{"figures", figures}, {"units", units}};
}

}  // namespace moat::bench
