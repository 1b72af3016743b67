// The steps of Launch, for launch.cc and for tests that make one fail.
#ifndef MOAT_RUNTIME_LAUNCH_LAUNCHER_H_
#define MOAT_RUNTIME_LAUNCH_LAUNCHER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/attributes/process_attributes.h"
#include "runtime/cgroups/groups.h"
#include "runtime/hooks/run_hooks.h"
#include "runtime/launch/container_init.h"
#include "runtime/launch/filter.h"
#include "runtime/launch/identity.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/process.h"
#include "runtime/launch/scope_holder.h"
#include "runtime/launch/shared_pids.h"
#include "runtime/launch/supervisors.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/namespaces/namespace_plan.h"
#include "runtime/rootfs/build_root.h"
#include "runtime/seccomp/profile.h"

namespace moat::launch {

// As errors call them.
inline constexpr char kSentry[] = "moat-sentry";
inline constexpr char kGofer[] = "moat-gofer";
inline constexpr char kResolver[] = "moat-resolver";
inline constexpr char kInit[] = "the container's init";

// One launch. Each step leaves what it made in a member whose destructor undoes it; members are
// declared in the order of the steps, so everything is undone backwards: processes first (an init
// before the pid 1 above it, which can't be reaped earlier), then the socket file, then groups.
class Launcher {
 public:
  // `request` and `filter` outlive it. `observer` may be empty; it is called in the set-up
  // processes, too.
  Launcher(const LaunchRequest& request, const Filter& filter, StepObserver observer)
      : request_(request), filter_(filter), observer_(std::move(observer)) {}
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  absl::StatusOr<Launched> Run();

  // Whether it got as far as hooks.prestart: after an error hooks.poststop are due then
  // (runtime-spec runtime.md, "Lifecycle", steps 3 to 13).
  bool hooks_began() const { return hooks_began_; }

 private:
  // Control groups that are removed unless kept.
  class OwnedGroups {
   public:
    ~OwnedGroups() { groups.Remove().IgnoreError(); }
    cgroups::Groups groups;
  };
  // The control socket's file.
  class OwnedControlFile {
   public:
    ~OwnedControlFile();
    std::string state_dir;  // empty: none
  };

  absl::Status Step(absl::string_view name, absl::Status (Launcher::*step)());

  absl::Status CheckRequest();
  absl::Status OpenPids();
  absl::Status OpenPrograms();
  absl::Status MakeGroups();
  absl::Status StartScope(const cgroups::Layout& layout);
  absl::Status StartRoot();
  absl::Status AwaitRoot();
  absl::Status Listen();
  absl::Status StartSentryProcess();
  absl::Status StartGoferProcess();
  absl::Status StartResolver();
  absl::Status StartInit();
  absl::Status BootGofer();
  absl::Status BootSentry();
  absl::Status AwaitInit();
  absl::Status MountQueues();
  absl::Status AwaitQueues();
  absl::Status MoveNetDevices();
  absl::Status RunRuntimeHooks();
  absl::Status FinishRoot();
  absl::Status JoinInitAndRunHooks() const;
  absl::Status AwaitSupervisors();
  absl::Status InstallFilter();
  absl::Status LimitInit();
  absl::Status AttachSentry();
  absl::Status AwaitCreated();
  absl::Status LimitPids();
  absl::Status Tie();

  // Hooks that are to see the container's namespaces beside the caller's file tree.
  bool has_create_hooks() const;
  hooks::HookSurroundings SurroundingsOfHooks(absl::string_view status, pid_t pid) const;
  const spec::Process& process() const { return *request_.spec.process; }
  const spec::Resources* resources() const;
  absl::StatusOr<std::string> Hostname() const;
  absl::StatusOr<Launched> Finish();

  const LaunchRequest& request_;
  const Filter& filter_;
  const StepObserver observer_;
  bool hooks_began_ = false;

  namespaces::IdMaps ids_;
  namespaces::NamespacePlan namespaces_;
  CapabilityMasks capabilities_;
  attributes::ProcessAttributes attributes_;
  Fd sentry_program_, gofer_program_, resolver_program_, loader_;
  std::optional<SharedPids> pids_;  // when the pid namespace is another container's
  std::pair<Fd, Fd> tie_;           // then; first: the own sentry's end, second: the other's

  OwnedGroups groups_;
  std::unique_ptr<ScopeHolder> scope_;  // until the sentry is there
  namespaces::ChildStep building_;
  rootfs::BuiltRoot root_;
  OwnedControlFile control_file_;
  Fd listen_;
  SentryProcess sentry_;
  GoferProcess gofer_;
  Fd resolver_boot_;
  std::pair<Fd, Fd> service_;        // between sentry and gofer
  std::pair<Fd, Fd> resolver_link_;  // first: the sentry's end; with request_.names
  std::pair<Fd, Fd> init_socket_;    // first: the sentry's end, second: the init's
  std::pair<Fd, Fd> setup_socket_;   // first: ours
  Process init_;
  Process init_parent_;
  Fd stub_, proc_b_, pid_namespace_b_, ipc_namespace_;
  std::optional<namespaces::ChildStep> queues_;
  Fd listener_;
};

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_LAUNCHER_H_
