// Containers of any runtime, driven by its command line alone, and nothing of them left behind.
#ifndef MOAT_BENCH_MOAT_BENCH_DRIVER_CONTAINERS_H_
#define MOAT_BENCH_MOAT_BENCH_DRIVER_CONTAINERS_H_

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/moat_bench/driver/config.h"
#include "bench/moat_bench/driver/processes.h"
#include "bench/moat_bench/driver/runtime.h"

namespace moat::bench {

// Where things are. `work` is this run's own folder, which vanishes with it.
struct Places {
  std::string data;  // docker_default.json, apps/, ...
  std::string root;  // the root file system with the guest program
  std::string work;
};

class Containers {
 public:
  Containers(Processes& processes, Places places, nlohmann::json docker)
      : processes_(processes), places_(std::move(places)), docker_(std::move(docker)) {}

  Processes& processes() { return processes_; }
  const Places& places() const { return places_; }

  // The config of `profile` for `arguments` on `root` (empty: the guest's own). kDefaults asks the
  // runtime once.
  absl::StatusOr<nlohmann::json> Config(const Runtime& runtime, Profile profile,
                                        const std::vector<std::string>& arguments,
                                        const std::string& root = "");

  // Writes a bundle and returns its folder.
  absl::StatusOr<std::string> MakeBundle(const nlohmann::json& config);

  // `run` of a bundle's config from beginning to end; then everything of it is removed. A hang is
  // bounded by `limit_seconds`. `arguments` of a guest mode begin with "/bin/guest".
  Outcome Run(const Runtime& runtime, const nlohmann::json& config, double limit_seconds,
              std::function<bool(const Outcome&)> watch = nullptr);

  // The single steps, for who measures them or looks at a container in between. What was created
  // has to be removed.
  std::string NextId(const Runtime& runtime);
  Outcome Step(const Runtime& runtime, const std::vector<std::string>& words,
               double limit_seconds = 60);
  // The pid on the host of the first process of a created container; 0 when it is not known.
  pid_t InitOf(const Runtime& runtime, const std::string& id);
  // kill and delete by force. What is then still there is counted in leftovers().
  void Remove(const Runtime& runtime, const std::string& id);
  // After all containers are removed: ends what is left of them, control groups included.
  void Sweep(const Runtime& runtime);

  std::vector<std::string> CommandLine(const Runtime& runtime,
                                       const std::vector<std::string>& words) const;

  // What runtimes left behind, by their names: text for the reader.
  const std::map<std::string, std::vector<std::string>>& leftovers() const { return leftovers_; }

 private:
  Processes& processes_;
  const Places places_;
  const nlohmann::json docker_;
  std::map<std::string, nlohmann::json> defaults_;
  std::map<std::string, std::vector<std::string>> leftovers_;
  int count_ = 0;
};

// Removes empty control groups of containers of the run with the process id `run`; returns how many
// there were.
int RemoveControlGroups(pid_t run);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_DRIVER_CONTAINERS_H_
