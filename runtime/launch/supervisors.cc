#include "runtime/launch/supervisors.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fd_message.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/launch/identity.h"

namespace moat::launch {
namespace {

constexpr uint64_t kSentryNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// The start of one program. `gate` goes both ways: the parent lets the child go on with a byte, the
// child says with an errno what failed; its end is close-on-exec, so end of file is success.
struct Start {
  const char* name;
  int program;
  bool enters_user_namespace;
  bool die_with_parent;
  const cgroups::Entrance* groups;
  Fd null;
  std::pair<Fd, Fd> boot;
  std::pair<Fd, Fd> gate;
};

absl::StatusOr<Start> MakeStart(const char* name, int program, const cgroups::Entrance& groups) {
  Start start{.name = name, .program = program, .groups = &groups};
  start.null.Reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!start.null) return ErrnoStatus(errno, "open", "/dev/null");
  ASSIGN_OR_RETURN(start.boot, SocketPair());
  ASSIGN_OR_RETURN(start.gate, SocketPair());
  return start;
}

int BecomeRootOfNamespace() {
  if (!DropGroups().ok() || ::setresgid(0, 0, 0) < 0 || ::setresuid(0, 0, 0) < 0) return errno;
  return 0;
}

// The signal is only sent for a death from now on; an earlier one shows at the gate.
int DieWithParent(int gate) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return errno;
  pollfd entry = {gate, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 0 ? 0 : EPIPE;
}

int EnterGroupsAndAwaitGo(Start& start) {
  start.gate.first.Reset();
  if (const int error = start.groups->Enter(); error != 0) return error;
  char go;
  return ::read(start.gate.second.get(), &go, 1) == 1 ? 0 : EPIPE;
}

int RunChild(Start& start) {
  if (const int error = EnterGroupsAndAwaitGo(start); error != 0) return error;
  if (start.enters_user_namespace) {
    if (const int error = BecomeRootOfNamespace(); error != 0) return error;
  }
  // After the change of ids, which clears it (prctl(2)).
  if (start.die_with_parent) {
    if (const int error = DieWithParent(start.gate.second.get()); error != 0) return error;
  }
  return ExecuteOwnProgram(start.program, start.name, start.null.get(), start.boot.second.get());
}

void Report(const Start& start, int error) {
  if (::write(start.gate.second.get(), &error, sizeof(error)) < 0) ::_exit(2);
}

absl::StatusOr<Process> CloneChild(Start& start, uint64_t flags) {
  return Process::CloneInto(*start.groups, flags, [&start] { Report(start, RunChild(start)); });
}

// The child ends at once, so that the program becomes an orphan of its pid namespace.
absl::StatusOr<Process> CloneGrandchild(Start& start) {
  return Process::CloneInto(*start.groups, 0, [&start] {
    int error = EnterGroupsAndAwaitGo(start);
    if (error == 0) {
      const pid_t program = ::fork();
      if (program > 0) ::_exit(0);
      error = program < 0 ? errno
                          : ExecuteOwnProgram(start.program, start.name, start.null.get(),
                                              start.boot.second.get());
    }
    Report(start, error);
  });
}

// -1: as Clone has it.
absl::StatusOr<Process> CloneChildIn(int pid_namespace, Start& start, uint64_t flags) {
  if (pid_namespace < 0) return CloneChild(start, flags);
  ASSIGN_OR_RETURN(const auto inside, PidNamespaceForChildren::Enter(pid_namespace));
  return CloneChild(start, flags);
}

// Our end of the gate.
absl::StatusOr<Fd> LetGo(Start& start) {
  start.gate.second.Reset();
  if (::write(start.gate.first.get(), "g", 1) != 1) {
    return ErrnoStatus(errno, "start", start.name);
  }
  return std::move(start.gate.first);
}

absl::Status WriteOuterMaps(pid_t pid, const namespaces::IdMaps& ids) {
  const std::string directory = absl::StrCat("/proc/", pid);
  RETURN_IF_ERROR(WriteFile(directory + "/uid_map", ids.uid.OuterText()));
  return WriteFile(directory + "/gid_map", ids.gid.OuterText());
}

absl::StatusOr<Fd> OpenNamespace(pid_t pid, const char* name) {
  const std::string path = absl::StrCat("/proc/", pid, "/ns/", name);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open", path);
  return fd;
}

}  // namespace

absl::Status AwaitExecution(const Fd& gate, absl::string_view name) {
  int error = 0;
  const ssize_t size = ::read(gate.get(), &error, sizeof(error));
  if (size == sizeof(error)) return ErrnoStatus(error, "execute", name);
  // Killed on the way looks like success here; its first message won't come then.
  return absl::OkStatus();
}

absl::StatusOr<SentryProcess> StartSentry(int program, const namespaces::IdMaps& ids,
                                          int pid_namespace, bool die_with_parent,
                                          const cgroups::Entrance& groups) {
  ASSIGN_OR_RETURN(Start start, MakeStart("moat-sentry", program, groups));
  start.enters_user_namespace = true;
  start.die_with_parent = die_with_parent;
  SentryProcess sentry;
  const uint64_t own_pids = pid_namespace < 0 ? CLONE_NEWPID : 0;
  ASSIGN_OR_RETURN(sentry.process,
                   CloneChildIn(pid_namespace, start, kSentryNamespaces | own_pids));
  const pid_t pid = sentry.process.pid();
  RETURN_IF_ERROR(WriteOuterMaps(pid, ids));
  ASSIGN_OR_RETURN(sentry.user_namespace, OpenNamespace(pid, "user"));
  ASSIGN_OR_RETURN(sentry.pid_namespace, OpenNamespace(pid, "pid"));
  ASSIGN_OR_RETURN(sentry.net_namespace, OpenNamespace(pid, "net"));
  ASSIGN_OR_RETURN(sentry.gate, LetGo(start));
  sentry.control = std::move(start.boot.first);
  return sentry;
}

absl::StatusOr<GoferProcess> StartGofer(int program, int pid_namespace,
                                        const cgroups::Entrance& groups) {
  ASSIGN_OR_RETURN(Start start, MakeStart("moat-gofer", program, groups));
  GoferProcess gofer;
  ASSIGN_OR_RETURN(gofer.process, CloneChildIn(pid_namespace, start, 0));
  ASSIGN_OR_RETURN(gofer.gate, LetGo(start));
  gofer.boot = std::move(start.boot.first);
  return gofer;
}

absl::StatusOr<Fd> StartResolver(int program, int pid_namespace, const cgroups::Entrance& groups) {
  ASSIGN_OR_RETURN(Start start, MakeStart("moat-resolver", program, groups));
  Process starter;
  {
    ASSIGN_OR_RETURN(const auto inside, PidNamespaceForChildren::Enter(pid_namespace));
    ASSIGN_OR_RETURN(starter, CloneGrandchild(start));
  }
  ASSIGN_OR_RETURN(const Fd gate, LetGo(start));
  RETURN_IF_ERROR(AwaitExecution(gate, start.name));
  RETURN_IF_ERROR(starter.WaitForSuccess("the starter of moat-resolver"));
  return std::move(start.boot.first);
}

}  // namespace moat::launch
