// The container's init (C2 of docs/ARCHITECTURE.md) up to the execve of its program, and the
// process between it and moat (C1).
//
//   C1 -> moat   {"type":"born"}       fds: pidfd of C2. C1 then exits
//   C2 -> moat   {"type":"prepared"}   fds: stub, proc_b, pid_namespace_b, ipc_namespace
//   moat -> C2   {"type":"filter"}     C2 installs the filter
//   C2 -> moat   {"type":"filtered","listener":n}   n is the descriptor's number in C2
// Either says {"type":"error","errno","message","command"} instead and exits, C2 up to "created";
// "command": the fault is the command's. After "filtered" comes base/boot.h's init socket.
#ifndef MOAT_RUNTIME_LAUNCH_CONTAINER_INIT_H_
#define MOAT_RUNTIME_LAUNCH_CONTAINER_INIT_H_

#include <linux/filter.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "runtime/attributes/process_attributes.h"
#include "runtime/hooks/hook_state.h"
#include "runtime/launch/identity.h"
#include "runtime/launch/process.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/namespaces/namespace_plan.h"
#include "runtime/seccomp/profile.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// Called with the name of a step before it is done; an error makes the step fail (tests).
using StepObserver = std::function<absl::Status(absl::string_view step)>;

// All borrowed; the child has its own copies.
struct InitConfig {
  const spec::Spec& spec;
  const namespaces::IdMaps& ids;
  const namespaces::NamespacePlan& namespaces;
  const CapabilityMasks& capabilities;
  const attributes::ProcessAttributes& attributes;
  const std::vector<sock_filter>& filter;
  const seccomp::Profile& profile;
  hooks::HookContainer container;   // for startContainer
  const cgroups::Entrance& groups;  // that init is to live in
  const StepObserver& observer;
  std::array<int, 3> stdio;
  int preserve_fds;
  const std::string& cwd_option;  // LaunchRequest
  int terminal;                   // the slave, -1: none
  int outer_user;                 // user namespace A
  int proc;                       // procfs of a pid namespace that is joined; -1: it is a new one
  int setup_socket;               // to moat
  int init_socket;                // to the sentry
};

// The body of C1: enters the control groups, waits for a byte on `go`, enters A,
// makes C2 and ends. Run in a child with P_A as the namespace of its pid.
[[noreturn]] void RunInitParent(const InitConfig& config, int go);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_CONTAINER_INIT_H_
