#include "bench/moat_bench/security/security.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/moat_bench/security/escape.h"
#include "bench/moat_bench/security/footprint.h"
#include "bench/moat_bench/security/matrix.h"
#include "bench/moat_bench/security/posture.h"
#include "bench/moat_bench/security/supervisor.h"

namespace moat::bench {
namespace {

struct Task {
  std::string path;   // in the journal
  std::string title;  // for the progress line
  std::function<nlohmann::json()> run;
};

bool Wanted(const std::vector<std::string>& parts, const std::string& part) {
  return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
}

void AddTask(std::vector<Task>& tasks, const std::vector<std::string>& parts,
             const std::string& part, const Runtime& runtime, const std::string& variant,
             std::function<nlohmann::json()> run) {
  if (!Wanted(parts, part)) return;
  tasks.push_back(
      {absl::StrCat("security/", runtime.name, "/", variant.empty() ? "" : variant + "/", part),
       absl::StrCat(runtime.name, variant.empty() ? "" : ", " + variant, ": ", part),
       std::move(run)});
}

std::vector<Task> Tasks(Containers& containers, const std::vector<Runtime>& runtimes,
                        const std::vector<std::string>& parts, PlainKernel& plain) {
  std::vector<Task> tasks;
  for (const Runtime& runtime : runtimes) {
    if (!runtime.usable()) continue;
    for (const Profile profile : kProfiles) {
      const std::string variant = NameOf(profile);
      AddTask(tasks, parts, "matrix", runtime, variant,
              [&, profile] { return Matrix(containers, runtime, profile, plain); });
      AddTask(tasks, parts, "posture", runtime, variant,
              [&, profile] { return Posture(containers, runtime, profile); });
      AddTask(tasks, parts, "escape", runtime, variant,
              [&, profile] { return Escape(containers, runtime, profile); });
    }
    AddTask(tasks, parts, "footprint", runtime, "", [&] { return Footprint(containers, runtime); });
    AddTask(tasks, parts, "supervisor", runtime, "",
            [&] { return Supervisor(containers, runtime); });
  }
  return tasks;
}

}  // namespace

absl::Status RunSecurity(Containers& containers, const std::vector<Runtime>& runtimes,
                         const std::vector<std::string>& parts, Journal& journal,
                         Terminal& terminal) {
  PlainKernel plain;
  const std::vector<Task> tasks = Tasks(containers, runtimes, parts, plain);
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (journal.Find(tasks[i].path) != nullptr) continue;
    terminal.Progress(static_cast<int>(i), static_cast<int>(tasks.size()), tasks[i].title);
    nlohmann::json part = tasks[i].run();
    if (containers.processes().interrupted()) return absl::CancelledError("interrupted");
    RETURN_IF_ERROR(journal.Put(tasks[i].path, std::move(part)));
  }
  return absl::OkStatus();
}

}  // namespace moat::bench
