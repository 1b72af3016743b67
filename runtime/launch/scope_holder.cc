#include "runtime/launch/scope_holder.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/reset_signals.h"
#include "base/status.h"
#include "runtime/launch/program.h"

namespace moat::launch {
namespace {

constexpr size_t kMaxSaid = 4096;
constexpr size_t kMaxGroupFile = 4096;
constexpr char kHoldersGroup[] = "/start";

const char* ManagerName(cgroups::Manager manager) {
  return manager == cgroups::Manager::kUserSystemd ? "user" : "system";
}

// Runs moat-systemd to its end; an error has its words. It waits for systemd half a minute at most.
absl::Status AskSystemd(const std::string& program, std::vector<std::string> words) {
  words.insert(words.begin(), "moat-systemd");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "pipe2", "");
  Fd out(ends[0]), in(ends[1]);
  ASSIGN_OR_RETURN(Process asking, Process::Clone(0, [&] {
                     ResetSignals();
                     if (::dup2(in.get(), STDERR_FILENO) < 0) ::_exit(1);
                     ::execve(program.c_str(), Pointers(words).data(), environ);
                     const std::string fault = ErrnoStatus(errno, "execve", program).ToString();
                     if (::write(STDERR_FILENO, fault.data(), fault.size()) < 0) ::_exit(2);
                     ::_exit(1);
                   }));
  in.Reset();
  auto said = ReadAll(out.get(), kMaxSaid);
  const absl::Status ended = asking.WaitForSuccess("moat-systemd");
  if (ended.ok() || !said.ok() || said->empty()) return ended;
  return absl::InternalError(absl::StripAsciiWhitespace(*said));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScopeHolder>> ScopeHolder::Create(
    const std::string& program, cgroups::Manager manager, const cgroups::ScopeName& name,
    const std::vector<std::string>& properties, const cgroups::Layout& layout) {
  const pid_t parent = ::getpid();
  ASSIGN_OR_RETURN(Process process, Process::Clone(0, [parent] {
                     ResetSignals();
                     ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                     if (::getppid() != parent) ::_exit(1);
                     for (;;) ::pause();
                   }));
  std::unique_ptr<ScopeHolder> holder(new ScopeHolder(std::move(process)));
  std::vector<std::string> words = {"start", ManagerName(manager), name.unit, name.slice,
                                    absl::StrCat(holder->process_.pid())};
  words.insert(words.end(), properties.begin(), properties.end());
  RETURN_IF_ERROR(AskSystemd(program, std::move(words)));
  RETURN_IF_ERROR(holder->MakeRoom(name.unit, layout));
  return holder;
}

// A group with processes of its own passes no controllers on (cgroups(7)): the holder goes into one
// below.
absl::Status ScopeHolder::MakeRoom(const std::string& unit, const cgroups::Layout& layout) {
  const std::string file = absl::StrCat("/proc/", process_.pid(), "/cgroup");
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxGroupFile));
  absl::string_view scope = absl::StripAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&scope, "0::/") || absl::StrContains(scope, "..") ||
      !absl::EndsWith(scope, absl::StrCat("/", unit))) {
    return absl::InternalError(
        absl::StrCat("systemd started ", unit, ", but ", file, " says '", scope, "'"));
  }
  workload_ = absl::StrCat("/", scope, cgroups::kBelowScope);
  directory_ = absl::StrCat(layout.hierarchies.front().mount, "/", scope, kHoldersGroup);
  if (::mkdir(directory_.c_str(), 0755) < 0) return ErrnoStatus(errno, "mkdir", directory_);
  return WriteFile(directory_ + "/cgroup.procs", absl::StrCat(process_.pid()));
}

ScopeHolder::~ScopeHolder() {
  process_.KillAndReap();
  // What is left goes with the scope.
  if (!directory_.empty()) ::rmdir(directory_.c_str());
}

absl::Status SetScopeProperties(const std::string& program, cgroups::Manager manager,
                                const std::string& unit,
                                const std::vector<std::string>& properties) {
  if (unit.empty() || properties.empty()) return absl::OkStatus();
  std::vector<std::string> words = {"set", ManagerName(manager), unit};
  words.insert(words.end(), properties.begin(), properties.end());
  return AskSystemd(program, std::move(words));
}

}  // namespace moat::launch
