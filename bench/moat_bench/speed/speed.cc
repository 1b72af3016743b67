#include "bench/moat_bench/speed/speed.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::bench {
namespace {

using nlohmann::json;

// These do not vary from round to round, so fewer rounds see them.
constexpr int kMemoryRounds = 1;

struct Part {
  std::string name;  // "micro", "apps/tar"
  int rounds;
  std::function<json(const Runtime&)> run;
};

std::vector<std::string> AppNames(const Containers& containers) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(containers.places().data + "/apps", none)) {
    if (entry.path().extension() == ".sh") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool Wanted(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<Part> Parts(Containers& containers, const SpeedOptions& options) {
  std::vector<Part> parts = {
      {"micro", options.rounds, [&](const Runtime& r) { return Micro(containers, r, options); }},
      {"life", options.rounds, [&](const Runtime& r) { return Life(containers, r, options); }},
      {"memory", kMemoryRounds, [&](const Runtime& r) { return Memory(containers, r, options); }},
      {"growth", options.rounds,
       [&](const Runtime& r) { return GrowthOf(containers, r, options); }}};
  std::erase_if(parts, [&](const Part& part) { return !Wanted(options.suites, part.name); });
  if (options.rootfs.empty() || !Wanted(options.suites, "apps")) return parts;
  for (const std::string& app : AppNames(containers)) {
    if (!Wanted(options.apps, app)) continue;
    parts.push_back({"apps/" + app, options.rounds,
                     [&, app](const Runtime& r) { return App(containers, r, options, app); }});
  }
  return parts;
}

}  // namespace

absl::Status RunSpeed(Containers& containers, const std::vector<Runtime>& runtimes,
                      const SpeedOptions& options, Journal& journal, Terminal& terminal) {
  const std::vector<Part> parts = Parts(containers, options);
  const int all = options.rounds * static_cast<int>(parts.size() * runtimes.size());
  int done = 0;
  for (int round = 0; round < options.rounds; ++round) {
    for (const Part& part : parts) {
      // Every round begins with another runtime, so that none is always the one after a pause.
      for (size_t turn = 0; turn < runtimes.size(); ++turn) {
        const Runtime& runtime = runtimes[(turn + static_cast<size_t>(round)) % runtimes.size()];
        const std::string path = absl::StrCat("speed/", round, "/", runtime.name, "/", part.name);
        ++done;
        if (!runtime.usable() || round >= part.rounds || journal.Find(path) != nullptr) continue;
        terminal.Progress(done - 1, all,
                          absl::StrCat("round ", round + 1, ", ", part.name, ": ", runtime.name));
        json result = part.run(runtime);
        if (containers.processes().interrupted()) return absl::CancelledError("interrupted");
        RETURN_IF_ERROR(journal.Put(path, std::move(result)));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace moat::bench
