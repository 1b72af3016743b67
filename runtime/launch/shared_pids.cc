#include "runtime/launch/shared_pids.h"

#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include <utility>

#include "base/status.h"
#include "runtime/launch/control.h"
#include "runtime/launch/empty_root.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/message.h"
#include "runtime/launch/own_arguments_unsafe.h"
#include "runtime/launch/process.h"
#include "runtime/namespaces/child_step.h"

namespace moat::launch {
namespace {

// A procfs shows the namespace of the process that mounts it (proc(5)), so one is born there. Those
// who live there see it: neither its memory nor its arguments are for them.
absl::StatusOr<Fd> MountProcOf(int pid_namespace) {
  ASSIGN_OR_RETURN(const auto inside, PidNamespaceForChildren::Enter(pid_namespace));
  const auto mount = []() -> absl::StatusOr<namespaces::Handover> {
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return ErrnoStatus(errno, "prctl", "dumpable");
    RETURN_IF_ERROR(EraseArguments());
    namespaces::Handover handover;
    ASSIGN_OR_RETURN(Fd proc, MountOwnProc());
    handover.fds.push_back(std::move(proc));
    return handover;
  };
  ASSIGN_OR_RETURN(namespaces::Handover mounted, namespaces::RunInChild(mount));
  if (mounted.fds.size() != 1) return absl::InternalError("no procfs of the pid namespace came");
  return std::move(mounted.fds.front());
}

}  // namespace

absl::StatusOr<SharedPids> OpenSharedPids(int pid_namespace) {
  SharedPids shared;
  shared.supervisors.Reset(::ioctl(pid_namespace, NS_GET_PARENT));
  if (!shared.supervisors) return ErrnoStatus(errno, "NS_GET_PARENT", "the pid namespace");
  ASSIGN_OR_RETURN(shared.proc_a, MountProcOf(shared.supervisors.get()));
  ASSIGN_OR_RETURN(shared.proc_b, MountProcOf(pid_namespace));
  return shared;
}

absl::Status TieTo(const std::string& state_dir, int socket) {
  ASSIGN_OR_RETURN(const Fd control, ConnectControl(state_dir));
  RETURN_IF_ERROR(Send(control.get(), "tie", nlohmann::json::object(), {{"tie", socket}}));
  return Expect(control.get(), "the sentry of the container whose pids are shared", "tied")
      .status();
}

}  // namespace moat::launch
