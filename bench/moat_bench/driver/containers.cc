#include "bench/moat_bench/driver/containers.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kStepSeconds = 60, kRemoveSeconds = 20;

std::string IdPrefix(pid_t run) { return absl::StrCat("mb", run, "-"); }

void CollectGroups(const std::filesystem::path& folder, const std::string& prefix, int depth,
                   std::vector<std::filesystem::path>& found) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (!entry.is_directory(none) || entry.is_symlink(none)) continue;
    if (absl::StrContains(entry.path().filename().string(), prefix)) {
      found.push_back(entry.path());
    } else if (depth > 0) {
      CollectGroups(entry.path(), prefix, depth - 1, found);
    }
  }
}

void RemoveTree(const std::filesystem::path& group) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(group, none)) {
    if (entry.is_directory(none)) RemoveTree(entry.path());
  }
  rmdir(group.c_str());
}

}  // namespace

int RemoveControlGroups(pid_t run) {
  std::vector<std::filesystem::path> found;
  CollectGroups("/sys/fs/cgroup", IdPrefix(run), 4, found);
  for (const auto& group : found) RemoveTree(group);
  return static_cast<int>(found.size());
}

absl::StatusOr<json> Containers::Config(const Runtime& runtime, Profile profile,
                                        const std::vector<std::string>& arguments,
                                        const std::string& root) {
  const std::string& path = root.empty() ? places_.root : root;
  if (profile == Profile::kDocker) return Prepared(docker_, path, arguments);
  const auto known = defaults_.find(runtime.name);
  if (known != defaults_.end()) return Prepared(known->second, path, arguments);
  const std::string folder = absl::StrCat(places_.work, "/spec.", runtime.name);
  std::filesystem::create_directories(folder);
  std::vector<std::string> words = runtime.command;
  words.push_back("spec");
  const Outcome made = processes_.Run({.arguments = words,
                                       .limit_seconds = kStepSeconds,
                                       .mount_namespace = runtime.mount_namespace(),
                                       .directory = folder});
  if (!made.ok())
    return absl::UnavailableError(absl::StrCat("`", runtime.name, " spec`: ", made.Fault()));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(folder + "/config.json", 1 << 20));
  json config = json::parse(text, nullptr, false);
  if (!config.is_object() || !config.contains("process") || !config.contains("root")) {
    return absl::InvalidArgumentError(
        absl::StrCat("`", runtime.name, " spec` wrote no usable config.json"));
  }
  if (!config.contains("mounts")) config["mounts"] = json::array();
  defaults_[runtime.name] = config;
  return Prepared(config, path, arguments);
}

absl::StatusOr<std::string> Containers::MakeBundle(const json& config) {
  const std::string folder = absl::StrCat(places_.work, "/bundle.", ++count_);
  std::filesystem::create_directories(folder);
  std::ofstream file(folder + "/config.json");
  file << config.dump(1);
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", folder, "/config.json"));
  return folder;
}

std::vector<std::string> Containers::CommandLine(const Runtime& runtime,
                                                 const std::vector<std::string>& words) const {
  std::vector<std::string> all = runtime.command;
  all.insert(all.end(), {"--root", absl::StrCat(places_.work, "/state.", runtime.name)});
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

std::string Containers::NextId(const Runtime& runtime) {
  return absl::StrCat(IdPrefix(getpid()), ++count_, "-", runtime.name);
}

Outcome Containers::Step(const Runtime& runtime, const std::vector<std::string>& words,
                         double limit_seconds) {
  return processes_.Run({.arguments = CommandLine(runtime, words),
                         .limit_seconds = limit_seconds,
                         .mount_namespace = runtime.mount_namespace()});
}

Outcome Containers::Run(const Runtime& runtime, const json& config, double limit_seconds,
                        std::function<bool(const Outcome&)> watch) {
  const auto bundle = MakeBundle(config);
  if (!bundle.ok()) return {.code = 127, .err = std::string(bundle.status().message())};
  const std::string id = NextId(runtime);
  Outcome outcome =
      processes_.Run({.arguments = CommandLine(runtime, {"run", "--bundle", *bundle, id}),
                      .limit_seconds = limit_seconds,
                      .mount_namespace = runtime.mount_namespace(),
                      .watch = std::move(watch)});
  processes_.set_cleaning(true);
  const bool left = Step(runtime, {"state", id}, kRemoveSeconds).ok();
  if (left) Remove(runtime, id);
  if (left && outcome.ok())
    leftovers_[runtime.name].push_back(absl::StrCat("the container ", id, " after its end"));
  Sweep(runtime);
  processes_.set_cleaning(false);
  std::filesystem::remove_all(*bundle);
  return outcome;
}

pid_t Containers::InitOf(const Runtime& runtime, const std::string& id) {
  const Outcome state = Step(runtime, {"state", id});
  const json parsed = json::parse(state.out, nullptr, false);
  if (!state.ok() || !parsed.is_object()) return 0;
  const auto pid = parsed.find("pid");
  return pid != parsed.end() && pid->is_number_integer() ? pid->get<pid_t>() : 0;
}

void Containers::Remove(const Runtime& runtime, const std::string& id) {
  processes_.set_cleaning(true);
  if (!Step(runtime, {"state", id}, kRemoveSeconds).ok()) {
    processes_.set_cleaning(false);
    return;
  }
  Step(runtime, {"kill", id, "KILL"}, kRemoveSeconds);
  const Outcome removed = Step(runtime, {"delete", "--force", id}, kRemoveSeconds);
  if (!removed.ok()) {
    leftovers_[runtime.name].push_back(
        absl::StrCat("`delete --force ", id, "`: ", removed.Fault()));
  }
  processes_.set_cleaning(false);
}

void Containers::Sweep(const Runtime& runtime) {
  // An orphan may be about to end by itself.
  for (int patience = 0; patience < 10 && !processes_.Descendants().empty(); ++patience)
    processes_.Pause(0.02);
  const size_t left = processes_.Descendants().size();
  if (left > 0) leftovers_[runtime.name].push_back(absl::StrCat(left, " processes"));
  if (!processes_.EndDescendants())
    leftovers_[runtime.name].push_back("processes that cannot be ended");
  const int groups = RemoveControlGroups(getpid());
  if (groups > 0) leftovers_[runtime.name].push_back(absl::StrCat(groups, " control groups"));
}

}  // namespace moat::bench
