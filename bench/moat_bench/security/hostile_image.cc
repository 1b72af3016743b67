#include "bench/moat_bench/security/hostile_image.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "bench/moat_bench/guest/socket_address.h"
#include "bench/moat_bench/security/spoiled_root.h"

namespace moat::bench {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr double kSeconds = 30;
constexpr char kInner[] = "marker of the image";
constexpr int kDescriptorsTried = 12;

json Finding(bool open, const std::string& evidence) {
  return {{"open", open}, {"evidence", evidence}};
}

absl::StatusOr<json> ConfigFor(Containers& containers, const Runtime& runtime, Profile profile,
                               const SpoiledRoot& image,
                               const std::vector<std::string>& arguments) {
  auto config = containers.Config(runtime, profile, arguments, image.root());
  if (config.ok()) (*config)["root"]["readonly"] = false;
  return config;
}

void RemoveMount(json& config, const std::string& destination) {
  json kept = json::array();
  for (const json& mount : config["mounts"]) {
    const std::string place = mount.value("destination", "");
    if (place != destination && !absl::StartsWith(place, destination + "/")) kept.push_back(mount);
  }
  config["mounts"] = kept;
}

json BindMount(const std::string& destination, const std::string& source) {
  return {{"destination", destination},
          {"type", "bind"},
          {"source", source},
          {"options", {"bind", "rw"}}};
}

std::string Said(const Outcome& ran) {
  const std::string text = ran.ok() ? ran.out : ran.Fault();
  return Printable(text.substr(0, text.find('\n')));
}

// Runs `config`, and judges by what the program printed and by what happened outside.
json Judge(Containers& containers, const Runtime& runtime, const SpoiledRoot& image,
           const absl::StatusOr<json>& config, const std::string& bad_output) {
  if (!config.ok()) return {{"open", nullptr}, {"evidence", config.status().message()}};
  const Outcome ran = containers.Run(runtime, *config, kSeconds);
  const std::string made = image.MadeOutside();
  if (!made.empty()) return Finding(true, absl::StrCat("outside of the root was made: ", made));
  if (!bad_output.empty() && absl::StrContains(ran.out, bad_output)) {
    return Finding(true, absl::StrCat("the program reads \"", bad_output, "\""));
  }
  return Finding(false, ran.ok() ? absl::StrCat("the program reads: ", Said(ran))
                                 : absl::StrCat("refused: ", Said(ran)));
}

// /dev of the image is a volume of the attacker's, whose `null` is a link. What is masked shows the
// link's target.
json MaskSource(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  fs::create_directories(image.root() / "volume");
  SpoiledRoot::Write(image.root() / "etc/chosen", kInner);
  SpoiledRoot::Write(image.root() / "etc/secret", "what should be masked");
  fs::create_symlink("/etc/chosen", image.root() / "volume/null");
  auto config =
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "read", "/etc/secret"});
  if (config.ok()) {
    RemoveMount(*config, "/dev");
    (*config)["mounts"].push_back(BindMount("/dev", image.root() / "volume"));
    (*config)["linux"]["maskedPaths"] = {"/etc/secret"};
  }
  return Judge(containers, runtime, image, config, kInner);
}

json DevIsALink(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  image.ReplaceByLink("dev", image.outside());
  auto config =
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "read", "/dev/marker"});
  if (config.ok()) RemoveMount(*config, "/dev");
  json finding = Judge(containers, runtime, image, config, kSecret);
  if (finding["open"] != false) return finding;
  // Followed inside of the root: device files appear where the image's author wants them.
  for (const auto& entry : fs::recursive_directory_iterator(image.root())) {
    if (entry.path().filename() != "null" || absl::StrContains(entry.path().string(), "/root/dev"))
      continue;
    return Finding(true,
                   absl::StrCat("the link was followed inside of the root: devices were made at ",
                                fs::relative(entry.path().parent_path(), image.root()).string()));
  }
  return finding;
}

json MountTargetIsALink(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  fs::create_symlink(image.outside(), image.root() / "data");
  auto config =
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "read", "/data/marker"});
  if (config.ok()) {
    (*config)["mounts"].push_back({{"destination", "/data/sub"},
                                   {"type", "tmpfs"},
                                   {"source", "tmpfs"},
                                   {"options", json::array()}});
  }
  return Judge(containers, runtime, image, config, kSecret);
}

json ProcIsALink(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  fs::create_directories(image.root() / "elsewhere/self/attr");
  SpoiledRoot::Write(image.root() / "elsewhere/marker", kInner);
  image.ReplaceByLink("proc", "/elsewhere");
  const auto config =
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "read", "/elsewhere/version"});
  if (!config.ok()) return {{"open", nullptr}, {"evidence", config.status().message()}};
  const Outcome ran = containers.Run(runtime, *config, kSeconds);
  if (!ran.ok()) return Finding(false, absl::StrCat("refused: ", Said(ran)));
  if (absl::StrContains(ran.out, "version")) {
    return Finding(
        true,
        "procfs was mounted where the image's link leads, and what is masked is masked elsewhere");
  }
  return Finding(false, absl::StrCat("the program reads: ", Said(ran)));
}

// The config asks for a folder with a fake `self` in place of procfs.
json ProcIsNotProc(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  fs::create_directories(image.outside().parent_path() / "fake/self/attr");
  SpoiledRoot::Write(image.outside().parent_path() / "fake/version", kInner);
  auto config =
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "read", "/proc/version"});
  if (config.ok()) {
    RemoveMount(*config, "/proc");
    json all = json::array();
    all.push_back(BindMount("/proc", image.outside().parent_path() / "fake"));
    for (const json& mount : (*config)["mounts"]) all.push_back(mount);
    (*config)["mounts"] = all;
  }
  return Judge(containers, runtime, image, config, kInner);
}

json CwdThroughADescriptor(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  const std::string marker = (image.outside() / "marker").string().substr(1);
  std::string last;
  for (int fd = 3; fd < 3 + kDescriptorsTried; ++fd) {
    auto config = ConfigFor(containers, runtime, profile, image, {"/bin/guest", "marker", marker});
    if (!config.ok()) return {{"open", nullptr}, {"evidence", config.status().message()}};
    (*config)["process"]["cwd"] = absl::StrCat("/proc/self/fd/", fd);
    const Outcome ran = containers.Run(runtime, *config, kSeconds);
    last = Said(ran);
    if (absl::StrContains(ran.out, "found "))
      return Finding(true, absl::StrCat("descriptor ", fd, " leads to the host: ", last));
  }
  return Finding(false,
                 absl::StrCat(kDescriptorsTried, " numbers tried, none led out; the last: ", last));
}

// A terminal is wanted, and /dev/console of the attacker's volume on /dev is a link.
json ConsoleIsALink(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  fs::create_directories(image.root() / "volume/pts");
  for (const char* name : {"shm", "mqueue"}) fs::create_directories(image.root() / "volume" / name);
  SpoiledRoot::Write(image.root() / "etc/chosen", kInner);
  fs::create_symlink("/etc/chosen", image.root() / "volume/console");
  fs::create_symlink("pts/ptmx", image.root() / "volume/ptmx");
  auto config = ConfigFor(containers, runtime, profile, image,
                          {"/bin/guest", "kind", "/etc/chosen", "/etc/result"});
  if (!config.ok()) return {{"open", nullptr}, {"evidence", config.status().message()}};
  json all = json::array();
  for (json mount : (*config)["mounts"]) {
    if (mount.value("destination", "") == "/dev") {
      mount = BindMount("/dev", image.root() / "volume");
    }
    const bool own_dev = mount.value("destination", "") == "/dev";
    all.push_back(mount);
    // Some look at it before they look at the console.
    if (own_dev) all.push_back(BindMount("/dev/null", "/dev/null"));
  }
  (*config)["mounts"] = all;
  (*config)["process"]["terminal"] = true;
  const auto bundle = containers.MakeBundle(*config);
  if (!bundle.ok()) return {{"open", nullptr}, {"evidence", bundle.status().message()}};
  // Nobody takes the terminal out: it waits in the socket.
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (ListenUnix(listener.get(), false, *bundle + "/console") != 0)
    return {{"open", nullptr}, {"evidence", "no console socket"}};
  const std::string id = containers.NextId(runtime);
  const Outcome created = containers.Step(
      runtime, {"create", "--console-socket", *bundle + "/console", "--bundle", *bundle, id},
      kSeconds);
  const Outcome started =
      created.ok() ? containers.Step(runtime, {"start", id}, kSeconds) : created;
  if (started.ok()) containers.processes().Pause(0.5);
  containers.Remove(runtime, id);
  containers.Sweep(runtime);
  const std::string kind = ReadFile(image.root() / "etc/result", 64).value_or("");
  if (!image.MadeOutside().empty())
    return Finding(true, "outside of the root was made: " + image.MadeOutside());
  if (kind == "device")
    return Finding(true, "the terminal was mounted on what the image's link points to");
  if (!started.ok()) return Finding(false, absl::StrCat("refused: ", Said(started)));
  if (kind.empty()) {
    return {{"open", nullptr},
            {"evidence", "the container started, but its answer is not on the host"}};
  }
  return Finding(false, absl::StrCat("what the link points to is still a ", kind));
}

json AbstractSocket(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  const std::string name = absl::StrCat("moat-bench-", getpid());
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (ListenUnix(listener.get(), true, name) != 0)
    return {{"open", nullptr}, {"evidence", "no socket could be made on the host"}};
  return Judge(
      containers, runtime, image,
      ConfigFor(containers, runtime, profile, image, {"/bin/guest", "connect", "abstract", name}),
      "connected");
}

json UnixSocket(Containers& containers, const Runtime& runtime, Profile profile) {
  const SpoiledRoot image(containers);
  const std::string path = (image.root() / "etc/socket").string();
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (ListenUnix(listener.get(), false, path) != 0)
    return {{"open", nullptr}, {"evidence", "no socket could be made on the host"}};
  return Judge(containers, runtime, image,
               ConfigFor(containers, runtime, profile, image,
                         {"/bin/guest", "connect", "path", "/etc/socket"}),
               "connected");
}

}  // namespace

std::vector<HostileProbe> HostileProbes() {
  return {{"mask source", MaskSource},
          {"dev is a link", DevIsALink},
          {"mount target is a link", MountTargetIsALink},
          {"proc is a link", ProcIsALink},
          {"proc is not proc", ProcIsNotProc},
          {"cwd through a descriptor", CwdThroughADescriptor},
          {"console is a link", ConsoleIsALink},
          {"abstract socket", AbstractSocket},
          {"unix socket", UnixSocket}};
}

}  // namespace moat::bench
