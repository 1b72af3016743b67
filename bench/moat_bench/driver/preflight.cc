#include "bench/moat_bench/driver/preflight.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::bench {
namespace {

constexpr double kHelloSeconds = 30;
constexpr char kGroups[] = "/sys/fs/cgroup";

std::string FirstLine(const std::string& text) {
  return Printable(text.substr(0, std::min<size_t>(text.find('\n'), 200)));
}

// A mount namespace like this one, but with cgroup v2 alone on /sys/fs/cgroup. This process is back
// in its own at the end.
absl::StatusOr<std::shared_ptr<Fd>> UnifiedView() {
  const Fd own(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return ErrnoStatus(errno, "open", "/proc/self/ns/mnt");
  if (unshare(CLONE_NEWNS) == -1) return ErrnoStatus(errno, "unshare", "CLONE_NEWNS");
  int error = 0;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == -1 ||
      mount("cgroup2", kGroups, "cgroup2", 0, nullptr) == -1) {
    error = errno;
  }
  auto view = std::make_shared<Fd>(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (setns(own.get(), CLONE_NEWNS) == -1)
    return ErrnoStatus(errno, "setns", "back to the own mount namespace");
  if (error != 0) return ErrnoStatus(error, "mount", "cgroup v2 in a mount namespace of its own");
  return view;
}

// Empty when a container said hello.
std::string HelloFault(Containers& containers, const Runtime& runtime) {
  const auto config = containers.Config(runtime, Profile::kDefaults, {"/bin/guest", "hello"});
  if (!config.ok()) return std::string(config.status().message());
  const Outcome outcome = containers.Run(runtime, *config, kHelloSeconds);
  if (!outcome.ok()) return outcome.Fault();
  if (!absl::StrContains(outcome.out, "hello from inside")) {
    return absl::StrCat("it ended well, but what its program printed did not come out; instead: ",
                        FirstLine(outcome.out));
  }
  return "";
}

void TryWithUnifiedGroups(Containers& containers, Runtime& runtime,
                          const std::string& first_fault) {
  auto view = UnifiedView();
  if (!view.ok()) {
    runtime.why_not = absl::StrCat(
        first_fault, "; and a view of cgroup v2 alone cannot be made: ", view.status().message());
    return;
  }
  runtime.view = *view;
  runtime.notes.push_back(
      absl::StrCat("refuses this machine's control groups (", first_fault,
                   "), so it sees cgroup v2 alone, in a mount namespace of its own"));
  std::string fault = HelloFault(containers, runtime);
  if (fault.empty()) return;
  const std::vector<std::string> plain = runtime.command;
  runtime.command.push_back("--cgroup-manager=disabled");
  const std::string second = HelloFault(containers, runtime);
  if (second.empty()) {
    runtime.notes.push_back(
        "and runs with --cgroup-manager=disabled: its containers have no control groups");
    return;
  }
  runtime.command = plain;
  runtime.why_not = absl::StrCat(first_fault, "; with cgroup v2 alone: ", fault);
}

// gVisor takes over the network namespace that it finds, and refuses the host's.
void TryWithoutNetwork(Containers& containers, Runtime& runtime, const std::string& first_fault) {
  runtime.command.push_back("--network=none");
  const std::string second = HelloFault(containers, runtime);
  if (second.empty()) {
    runtime.notes.push_back(
        "runs with --network=none: without it it wants a network namespace that somebody else has "
        "set up");
    return;
  }
  runtime.command.pop_back();
  runtime.why_not = absl::StrCat(first_fault, "; with --network=none: ", second);
}

}  // namespace

bool HostHasHybridGroups() {
  struct statfs top, unified;
  return statfs(kGroups, &top) == 0 && top.f_type == TMPFS_MAGIC &&
         statfs("/sys/fs/cgroup/unified", &unified) == 0 && unified.f_type == CGROUP2_SUPER_MAGIC;
}

void Preflight(Containers& containers, Runtime& runtime) {
  std::vector<std::string> ask = runtime.command;
  ask.push_back("--version");
  const Outcome version =
      containers.processes().Run({.arguments = ask, .limit_seconds = kHelloSeconds});
  if (version.code == 127 && absl::StrContains(version.err, "cannot start")) {
    runtime.why_not = absl::StrCat("not installed: ", FirstLine(version.err));
    return;
  }
  runtime.version = version.ok() ? FirstLine(version.out)
                                 : absl::StrCat("unknown (--version: ", version.Fault(), ")");
  const std::string fault = HelloFault(containers, runtime);
  if (fault.empty() || containers.processes().interrupted()) return;
  runtime.why_not = fault;
  if (absl::StrContains(fault, "network enabled in root network namespace")) {
    runtime.why_not.clear();
    return TryWithoutNetwork(containers, runtime, fault);
  }
  if (!HostHasHybridGroups() || !absl::StrContains(fault, "cgroup")) return;
  runtime.why_not.clear();
  TryWithUnifiedGroups(containers, runtime, fault);
}

}  // namespace moat::bench
