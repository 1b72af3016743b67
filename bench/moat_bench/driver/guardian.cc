#include "bench/moat_bench/driver/guardian.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/moat_bench/driver/containers.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

sigset_t Watched() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&watched, signal);
  return watched;
}

// Waits for the child's end; whoever wants to end this process ends the child, which tidies up.
int WaitFor(pid_t child) {
  const sigset_t watched = Watched();
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const int signal = sigwaitinfo(&watched, nullptr);
    if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) kill(child, SIGTERM);
  }
  return status;
}

// Mounts that a runtime left below the folder, the innermost first.
void Unmount(const std::string& folder) {
  std::vector<std::string> places;
  std::ifstream lines("/proc/self/mounts");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string source, place;
    if (words >> source >> place && absl::StartsWith(place, folder + "/")) places.push_back(place);
  }
  for (auto place = places.rbegin(); place != places.rend(); ++place)
    umount2(place->c_str(), MNT_DETACH);
}

void CleanUp(pid_t child, const std::string& folder) {
  if (auto processes = Processes::Create(); processes.ok()) processes->EndDescendants();
  RemoveControlGroups(child);
  if (const auto tracefs = Tracefs::Open(); tracefs.ok()) rmdir(tracefs->InstanceOf(child).c_str());
  Unmount(folder);
  std::error_code none;
  std::filesystem::remove_all(folder, none);
}

}  // namespace

int Guarded(const std::string& place, const std::function<int(const std::string& folder)>& work) {
  std::string folder = place + "/moat-bench.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "moat-bench: cannot make a folder in %s: %s; name another one by --work\n",
                 place.c_str(), std::strerror(errno));
    return 1;
  }
  std::filesystem::permissions(folder, std::filesystem::perms(0755));
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid_t parent = getpid();
  const sigset_t watched = Watched();
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    std::exit(getppid() == parent ? work(folder) : 1);
  }
  const int status = child == -1 ? 0 : WaitFor(child);
  CleanUp(child, folder);
  return child == -1 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace moat::bench
