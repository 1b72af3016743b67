#include "bench/moat_bench/security/runtime_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr int kWatchSeconds = 6, kExecs = 8;
constexpr int kSealWrite = 8;  // F_SEAL_WRITE

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    std::string file = absl::StrCat(folder, "/", name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return name;
}

// Of the watcher's lines, those that name the runtime's own file, or a copy of it that is not
// sealed against writing.
json JudgeLines(const std::string& text, const std::string& program) {
  struct stat host;
  const bool known = stat(program.c_str(), &host) == 0;
  std::istringstream lines(text);
  std::string copies;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, device, inode, seals_word, write_word, write, link;
    int seals = 0;
    if (!(words >> mark >> device >> inode >> seals_word >> seals >> write_word >> write) ||
        mark != "program")
      continue;
    std::getline(words, link);
    if (known && inode == absl::StrCat(host.st_ino) && device == absl::StrCat(host.st_dev)) {
      return {{"open", write == "allowed"},
              {"evidence", absl::StrCat("/proc/PID/exe is the host's ", program,
                                        write == "allowed" ? ", and may be written"
                                                           : ", but not to be written: ",
                                        write == "allowed" ? "" : write)}};
    }
    const bool sealed = seals > 0 && (seals & kSealWrite) != 0;
    copies += absl::StrCat(copies.empty() ? "" : "; ", "seen:", link,
                           sealed ? " (sealed)" : absl::StrCat(" (write: ", write, ")"));
  }
  return {{"open", false},
          {"evidence", copies.empty() ? "no program but the container's own was seen" : copies}};
}

json WithContainer(Containers& containers, const Runtime& runtime, const std::string& id,
                   const std::string& out_file, const std::string& bundle) {
  const auto made = containers.processes().StartInBackground(
      {.arguments = containers.CommandLine(runtime, {"run", "--bundle", bundle, id}),
       .mount_namespace = runtime.mount_namespace()},
      out_file);
  if (!made.ok()) return {{"open", nullptr}, {"evidence", made.status().message()}};
  const double start = MonotonicSeconds();
  while (MonotonicSeconds() - start < 20 && ReadFile(out_file, 1 << 20).value_or("").empty())
    containers.processes().Pause(0.05);
  std::string exec_fault;
  for (int i = 0; i < kExecs && MonotonicSeconds() - start < 40; ++i) {
    // Its first program is whatever /proc/self/exe is at that moment: the runtime's own, or
    // nothing.
    const Outcome ran = containers.Step(
        runtime, {"exec", id, i % 2 == 0 ? "/proc/self/exe" : "/bin/guest", "hello"}, 15);
    if (i % 2 == 1 && !ran.ok()) exec_fault = ran.Fault();
  }
  containers.processes().WaitForEnd(*made, kWatchSeconds + 10);
  const std::string text = ReadFile(out_file, 1 << 20).value_or("");
  if (text.rfind("watching", 0) != 0)
    return {{"open", nullptr}, {"evidence", absl::StrCat("no watcher: ", text.substr(0, 300))}};
  json finding = JudgeLines(text, FindProgram(runtime.command[0]));
  if (!exec_fault.empty())
    finding["evidence"] =
        absl::StrCat(finding["evidence"].get<std::string>(), "; exec: ", exec_fault);
  return finding;
}

}  // namespace

json RuntimeProgramReached(Containers& containers, const Runtime& runtime, Profile profile) {
  const auto config =
      containers.Config(runtime, profile, {"/bin/guest", "watch", absl::StrCat(kWatchSeconds)});
  if (!config.ok()) return {{"open", nullptr}, {"evidence", config.status().message()}};
  const auto bundle = containers.MakeBundle(*config);
  if (!bundle.ok()) return {{"open", nullptr}, {"evidence", bundle.status().message()}};
  const std::string id = containers.NextId(runtime);
  json finding = WithContainer(containers, runtime, id, *bundle + "/out", *bundle);
  containers.Remove(runtime, id);
  containers.Sweep(runtime);
  return finding;
}

}  // namespace moat::bench
